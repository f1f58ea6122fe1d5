#!/usr/bin/env bash
# Installs the C compiler that zig.txt names into build/zig, unless it is there,
# and prints the folder of the command zig.
set -euo pipefail
cd "$(dirname "$0")/../.."
wanted=fluentbit/packaging/zig.txt
mkdir -p build/zig
exec 9>build/zig/lock
flock 9
if ! cmp -s $wanted build/zig/installed; then
	if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
		cat >&2 <<-EOF
			make fluentbit: Python's venv is missing, which fetches the C compiler. Install it:
			    apt install python3-venv     (Debian, Ubuntu)
			    dnf install python3-pip      (Fedora, RHEL)
			Or have make fluentbit-native use this machine's C compiler, for a glibc as new as this machine's.
		EOF
		exit 1
	fi
	python3 -m venv --clear build/zig/venv
	build/zig/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r $wanted >&2
	cp $wanted build/zig/installed
fi
zig=$(echo "$PWD"/build/zig/venv/lib/python3*/site-packages/ziglang/zig)
dirname "$zig"
