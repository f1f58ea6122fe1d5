#!/bin/bash
# Makes a small Debian with systemd and rpm, to install packages in.
#
#	debian.sh OUT.tar
set -euo pipefail
out=$(realpath "$1")
mmdebstrap --quiet --mode=root --variant=essential --include=passwd,systemd,systemd-sysv,rpm \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
	--aptopt='Acquire::Languages "none"' bookworm "$out.new.tar" http://deb.debian.org/debian
mv "$out.new.tar" "$out"
