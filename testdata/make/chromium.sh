#!/bin/bash
# Installs Chromium, for tests of pages. Quick when it is there; else needs root.
set -euo pipefail
command -v chromium >/dev/null && exit
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends chromium
command -v chromium
