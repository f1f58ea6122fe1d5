# What the scripts that make packages have in common; they source it, from the
# top folder. It sets VERSION and SOURCE_DATE_EPOCH.
GO=${GO:-go}

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

# build_nfpm FILE builds the packager.
build_nfpm() {
	"$GO" build -C collector/packaging -o "$1" github.com/goreleaser/nfpm/v2/cmd/nfpm
}

# third_party PACKAGE prints the licences of what is linked into it.
third_party() {
	"$GO" list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' "$1" | sort -u |
		while read -r path version dir; do
			printf '== %s %s\n\n' "$path" "$version"
			cat "$dir"/LICENSE* "$dir"/NOTICE* 2>/dev/null || true
			printf '\n'
		done
}

# changelog NAME prints Debian's, of the package NAME.
changelog() {
	cat <<-EOF
		$1 ($VERSION) unstable; urgency=medium

		  * Commit $(git rev-parse HEAD).

		 -- weir authors <weir@weirflow.example>  $(TZ=UTC LC_ALL=C date -R -d "@$SOURCE_DATE_EPOCH")
	EOF
}
