#!/bin/sh
# Builds the harness: build.sh OUTPUT. CC and CFLAGS are heeded.
set -eu
here=$(dirname "$0")
# shellcheck disable=SC2086 # CFLAGS are words
exec "${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Werror ${CFLAGS:-} -rdynamic -o "$1" "$here/harness.c" -lpthread -ldl
