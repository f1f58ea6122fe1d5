#!/usr/bin/env bash
# Adds to build/packages a deb and an rpm of the Fluent Bit plugin for each of
# ARCHES, the same from the same commit. make packages calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=../../collector/packaging/release.sh
. collector/packaging/release.sh
GO=$GO fluentbit/packaging/build.sh
out=$PWD/build/packages
export STAGE=$out/stage
rm -rf "$STAGE" "$out"/fluent-bit-weir[-_]*
mkdir -p "$STAGE"

build_nfpm "$STAGE/nfpm"
{
	CGO_ENABLED=1 GOOS=linux third_party ./fluentbit/cmd/in_weir
	printf '== zig, whose compiler-rt is linked in\n\n'
	cat build/zig/venv/lib/python3*/site-packages/ziglang/LICENSE
} | gzip -9n >"$STAGE/THIRD-PARTY.gz"
changelog fluent-bit-weir | gzip -9n >"$STAGE/changelog.gz"
for ARCH in ${ARCHES:-amd64 arm64}; do
	export ARCH
	for packager in deb rpm; do
		"$STAGE/nfpm" package --config fluentbit/packaging/nfpm.yaml --packager $packager --target "$out"
	done
done
rm -rf "$STAGE" "$out/SHA256SUMS"
(cd "$out" && sha256sum ./* >.sums && mv .sums SHA256SUMS)
ls -l "$out"
