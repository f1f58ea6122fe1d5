#!/usr/bin/env bash
# Builds the datasource's frontend into grafana/dist. With "check", also lints it and
# runs its unit tests.
#   frontend.sh [check]
set -euo pipefail
cd "$(dirname "$0")/.."
node=$(package/node.sh)
export PATH=$node:$PATH
if ! cmp -s package-lock.json node_modules/.installed.json; then
	npm ci --no-audit --no-fund --loglevel error
	cp package-lock.json node_modules/.installed.json
fi
npm run --silent typecheck
if [ "${1:-}" = check ]; then
	npm run --silent lint
	npm run --silent test:ci
fi
# Node 20 doesn't read the configuration's TypeScript by itself.
export TS_NODE_TRANSPILE_ONLY=1 TS_NODE_COMPILER_OPTIONS='{"module":"commonjs","moduleResolution":"node10","allowImportingTsExtensions":false,"esModuleInterop":true}'
npm run --silent build
