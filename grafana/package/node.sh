#!/usr/bin/env bash
# Prints the folder of Node.js, version 20 or later, with npm. Installs it where that
# is Debian's and we are root; where Debian's is older, what npm has into build/node.
set -euo pipefail
cd "$(dirname "$0")/../.."
least=20
local=$PWD/build/node/node_modules/.bin
works() { PATH=$1:$PATH && command -v npm >/dev/null && [ "$(node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)" -ge $least ]; }
there() {
	if (works /nowhere); then
		dirname "$(command -v node)"
	elif (works "$local"); then
		echo "$local"
	else
		return 1
	fi
}
there && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	{
		echo "installing Node.js"
		export DEBIAN_FRONTEND=noninteractive
		if ! command -v npm || ! command -v node; then
			apt-get update -q
			apt-get install -q -y --no-install-recommends nodejs npm
		fi
		(works /nowhere) || npm install --prefix build/node --no-audit --no-fund "node-linux-$(dpkg --print-architecture | sed s/amd64/x64/)@22"
	} >&2
fi
there && exit
cat >&2 <<-EOF
	Node.js $least or later with npm is missing, which the datasource's frontend is built with. Install it:
	    apt install nodejs npm      (Debian 13, Ubuntu 25.04)
	    dnf install nodejs npm      (Fedora, RHEL)
	or take it from https://nodejs.org
EOF
exit 1
