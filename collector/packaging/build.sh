#!/usr/bin/env bash
# Makes build/packages: a deb, an rpm and a tar.gz of weir for each of ARCHES,
# the same from the same commit. make packages calls it. VERSION_SUFFIX makes
# another version of the same, for tests of upgrades.
set -euo pipefail
cd "$(dirname "$0")/../.."
GO=${GO:-go}
out=$PWD/build/packages
export STAGE=$out/stage
rm -rf "$out"
mkdir -p "$STAGE"/{man,completions}

# A tag is the version; between tags the commits since count. A part behind "-"
# is before the release, which both package managers write with "~".
described=$(git describe --tags --match 'v[0-9]*' --long 2>/dev/null || echo "v0.0.0-$(git rev-list --count HEAD)-g$(git rev-parse --short HEAD)")
commits=${described%-g*}
commits=${commits##*-}
tag=${described%-"$commits"-g*}
VERSION=${tag#v}
VERSION=${VERSION//-/\~}
if [ "$commits" != 0 ]; then VERSION+=+$commits.${described##*-}; fi
if ! git diff --quiet HEAD; then VERSION+=.dirty; fi
VERSION+=${VERSION_SUFFIX:-}
export VERSION
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
ldflags="-s -w -X main.version=$VERSION"

"$GO" build -C collector/packaging -o "$STAGE/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm
CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=false -ldflags "$ldflags" -o "$STAGE/weir" ./collector/cmd/weir

# What the command says of itself.
"$STAGE/weir" config example >"$STAGE/weir.yaml"
"$STAGE/weir" man "$STAGE/man"
gzip -9n "$STAGE"/man/*.1
"$STAGE/weir" completion bash >"$STAGE/completions/weir"
"$STAGE/weir" completion zsh >"$STAGE/completions/_weir"
"$STAGE/weir" completion fish >"$STAGE/completions/weir.fish"

# The licences of what is linked into it.
"$GO" list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./collector/cmd/weir | sort -u |
	while read -r path version dir; do
		printf '== %s %s\n\n' "$path" "$version"
		cat "$dir"/LICENSE* "$dir"/NOTICE* 2>/dev/null || true
		printf '\n'
	done | gzip -9n >"$STAGE/THIRD-PARTY.gz"
gzip -9n >"$STAGE/changelog.gz" <<-EOF
	weir ($VERSION) unstable; urgency=medium

	  * Commit $(git rev-parse HEAD).

	 -- weir authors <weir@weirflow.example>  $(TZ=UTC LC_ALL=C date -R -d "@$SOURCE_DATE_EPOCH")
EOF

for ARCH in ${ARCHES:-amd64 arm64}; do
	export ARCH
	CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH "$GO" build -trimpath -buildvcs=false -ldflags "$ldflags" -o "$STAGE/$ARCH/weir" ./collector/cmd/weir
	for packager in deb rpm; do
		"$STAGE/nfpm" package --config collector/packaging/nfpm.yaml --packager $packager --target "$out"
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
