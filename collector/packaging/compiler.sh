#!/usr/bin/env bash
# Prints the C compiler for linux on ARCH, whose C++ the embedded store's engine
# is linked with. Installs it where that is Debian's and we are root.
#   compiler.sh [ARCH]
set -euo pipefail
machine=$(uname -m)
case ${1:-$machine} in
amd64 | x86_64) cpu=x86_64 package=g++-x86-64-linux-gnu ;;
arm64 | aarch64) cpu=aarch64 package=g++-aarch64-linux-gnu ;;
*)
	echo "there is no engine for the embedded store on $1: build without it, with STORE=no" >&2
	exit 1
	;;
esac
cc=$cpu-linux-gnu-gcc
if [ $cpu = "$machine" ]; then cc=gcc package=g++; fi
# It has to find a static C++ library, too.
works() { command -v $cc && command -v ${cc%gcc}g++ && [ -f "$($cc -print-file-name=libstdc++.a)" ] && [ -f "$($cc -print-file-name=libc.a)" ]; } >/dev/null 2>&1
if ! works && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	{
		echo "installing $package"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -q
		apt-get install -q -y --no-install-recommends $package
	} >&2
fi
if ! works; then
	cat >&2 <<-EOF
		A C++ compiler for $cpu is missing, which the embedded store's engine is linked with. Install it:
		    apt install $package                                  (Debian, Ubuntu)
		    dnf install gcc-c++ glibc-static libstdc++-static      (Fedora, RHEL)
		Or build without the store: make build STORE=no
	EOF
	exit 1
fi
echo $cc
