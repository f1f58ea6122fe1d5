#!/usr/bin/env bash
# Makes build/packages: a deb, an rpm and a tar.gz of weir for each of ARCHES,
# the same from the same commit. make packages calls it. VERSION_SUFFIX makes
# another version of the same, for tests of upgrades.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=release.sh
. collector/packaging/release.sh
out=$PWD/build/packages
export STAGE=$out/stage
rm -rf "$out"
mkdir -p "$STAGE"/{man,completions}
ldflags="-s -w -X main.version=$VERSION"

build_nfpm "$STAGE/nfpm"
host=$("$GO" env GOHOSTARCH)
collector/packaging/binary.sh "$host" "$STAGE/weir" "$ldflags"

# What the command says of itself.
"$STAGE/weir" config example >"$STAGE/weir.yaml"
"$STAGE/weir" man "$STAGE/man"
gzip -9n "$STAGE"/man/*.1
"$STAGE/weir" completion bash >"$STAGE/completions/weir"
"$STAGE/weir" completion zsh >"$STAGE/completions/_weir"
"$STAGE/weir" completion fish >"$STAGE/completions/weir.fish"

third_party ./collector/cmd/weir | gzip -9n >"$STAGE/THIRD-PARTY.gz"
changelog weir | gzip -9n >"$STAGE/changelog.gz"

for ARCH in ${ARCHES:-amd64 arm64}; do
	export ARCH
	if [ "$ARCH" = "$host" ]; then
		install -D "$STAGE/weir" "$STAGE/$ARCH/weir"
	else
		collector/packaging/binary.sh "$ARCH" "$STAGE/$ARCH/weir" "$ldflags"
	fi
	config=$STAGE/nfpm-$ARCH.yaml
	cp collector/packaging/nfpm.yaml "$config"
	glibc=
	if [ "${STORE:-yes}" != no ]; then
		cc=$(collector/packaging/compiler.sh "$ARCH")
		glibc=$("${cc%gcc}objdump" -T "$STAGE/$ARCH/weir" 2>/dev/null | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1 || true)
	fi
	if [ -n "$glibc" ]; then
		printf 'overrides:\n  deb: {depends: ["libc6 (>= %s)"]}\n  rpm: {depends: ["glibc >= %s"]}\n' "${glibc#GLIBC_}" "${glibc#GLIBC_}" >>"$config"
	fi
	for packager in deb rpm; do
		"$STAGE/nfpm" package --config "$config" --packager $packager --target "$out"
	done
	name=weir-$VERSION-linux-$ARCH
	tree=$STAGE/tar/$name
	mkdir -p "$tree"
	cp "$STAGE/$ARCH/weir" "$STAGE/weir.yaml" "$STAGE/THIRD-PARTY.gz" README.md LICENSE "$tree"
	cp -r "$STAGE/man" "$STAGE/completions" "$tree"
	mkdir "$tree/systemd"
	cp collector/packaging/weir.{service,socket,sysusers,sysctl} "$tree/systemd"
	chmod -R u=rwX,go=rX "$tree"
	tar -C "$STAGE/tar" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
done
rm -rf "$STAGE"
(cd "$out" && sha256sum ./* >SHA256SUMS)
ls -l "$out"
