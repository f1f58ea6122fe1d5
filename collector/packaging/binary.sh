#!/usr/bin/env bash
# Builds weir for linux on ARCH, the same from the same sources: one file, static
# but on arm64, where it needs a glibc as new as this machine's (static, the
# engine's table of addresses is too large for that glibc's code). STORE=no leaves
# the embedded store out, and with it the need of a C compiler: then all are static.
#   binary.sh ARCH FILE [GO'S FLAGS FOR THE LINKER]
set -euo pipefail
cd "$(dirname "$0")/../.."
GO=${GO:-go}
arch=$1 file=$2 ldflags=${3:--s -w}
build() { "$GO" build -trimpath -buildvcs=false "$@" -o "$file" ./collector/cmd/weir; }
export GOOS=linux GOARCH=$arch
if [ "${STORE:-yes}" = no ]; then
	CGO_ENABLED=0 build -ldflags "$ldflags"
	exit
fi
CC=$(collector/packaging/compiler.sh "$arch")
export CC CXX=${CC%gcc}g++ CGO_ENABLED=1
static=-static
if [ "$arch" = arm64 ]; then static='-static-libstdc++ -static-libgcc'; fi
# The engine could load extensions and look up names; we let it do neither, and
# the linker's warnings that these would need glibc's files are of no interest.
noise='in function|statically linked applications|^# '
build -tags netgo,osusergo -ldflags "$ldflags -linkmode external -extldflags '$static'" 2> >(grep -vE "$noise" >&2)
