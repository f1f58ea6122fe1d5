#!/bin/sh
# Builds the harness: build.sh OUTPUT. CC and CFLAGS are heeded.
set -eu
here=$(dirname "$0")
exec "${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Werror ${CFLAGS:-} -rdynamic -o "$1" "$here/harness.c" -lpthread -ldl
