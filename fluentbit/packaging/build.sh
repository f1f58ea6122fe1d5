#!/usr/bin/env bash
# Builds build/fluentbit/linux_ARCH/in_weir.so for each of ARCHES, the same from
# the same sources, and copies this machine's to build/in_weir.so. They load
# with glibc 2.17 and later, which zig knows how to link for. make fluentbit
# calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
GO=${GO:-go}
zig=$(fluentbit/packaging/zig.sh)
host=$("$GO" env GOHOSTARCH)
bin=$PWD/build/zig/bin
mkdir -p "$bin"
for arch in ${ARCHES:-amd64 arm64}; do
	case $arch in
	amd64) target=x86_64-linux-gnu.2.17 ;;
	arm64) target=aarch64-linux-gnu.2.17 ;;
	*)
		echo "make fluentbit: ARCHES has $arch, which is neither amd64 nor arm64" >&2
		exit 1
		;;
	esac
	# Go caches what a compiler made whose name is one word, by that name: it has
	# no path, so that all work trees share the cache.
	cc=zig-cc-$target
	printf '#!/bin/sh\nexec zig cc -target %s "$@"\n' "$target" >"$bin/$cc"
	chmod +x "$bin/$cc"
	dir=build/fluentbit/linux_$arch
	# zig strips nothing where it sees -g, which is in Go's own flags. Go's build
	# ID depends on where things are, so the linker makes one of what is linked.
	PATH=$bin:$zig:$PATH CC=$cc CGO_CFLAGS=-O2 CGO_LDFLAGS=-O2 CGO_ENABLED=1 GOOS=linux GOARCH=$arch "$GO" build \
		-buildmode=c-shared -trimpath -buildvcs=false -ldflags '-s -w -buildid= -B none -extldflags=-Wl,--build-id=sha1' -o "$dir/in_weir.so" ./fluentbit/cmd/in_weir
	rm -f "$dir/in_weir.h"
	if [ "$arch" = "$host" ]; then
		cp "$dir/in_weir.so" build/in_weir.so
	fi
done
