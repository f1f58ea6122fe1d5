#!/bin/bash
# Installs what the OpenSearch node needs: a JDK of 21 or newer, and Maven for its
# jars. Quick when it is there; else needs root.
#
#	install.sh --java   only print where the JDK's java is
set -euo pipefail
java() {
	local j v
	for j in "${JAVA_HOME:-/nowhere}/bin/java" /usr/lib/jvm/*/bin/java "$(command -v java || true)"; do
		[ -x "$j" ] && [ -x "${j%java}javac" ] || continue
		v=$("$j" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
		[ "${v:-0}" -ge 21 ] && echo "$j" && return
	done
	echo "no JDK of 21 or newer" >&2
	return 1
}
if [ "${1:-}" = --java ]; then
	java
	exit
fi
java >/dev/null 2>&1 && command -v mvn >/dev/null && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
command -v mvn >/dev/null || apt-get install -q -y --no-install-recommends maven
java >/dev/null 2>&1 || apt-get install -q -y --no-install-recommends openjdk-21-jdk-headless
java
