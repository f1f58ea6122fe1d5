#!/usr/bin/env bash
# Installs what the real tests of the add-on need into build/splunk-tools, and
# prints that folder: venv-appinspect and venv-sdk, as appinspect.txt and sdk.txt
# name them, and data_models, CIM as pytest-splunk-addon tests for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
from=$PWD/splunk/package
tools=$PWD/build/splunk-tools
mkdir -p "$tools"
exec 9>"$tools/lock"
flock 9
pip() { "$tools/venv-$1/bin/python" -m pip "$2" --quiet --disable-pip-version-check "${@:3}" >&2; }
for name in appinspect sdk; do
	if ! cmp -s "$from/$name.txt" "$tools/$name.txt"; then
		python3 -m venv --clear "$tools/venv-$name"
		pip $name install --no-deps -r "$from/$name.txt"
		cp "$from/$name.txt" "$tools/$name.txt"
	fi
done
# python-magic loads it.
if ! "$tools/venv-appinspect/bin/python" -c 'import magic' 2>/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >&2
	apt-get install -q -y --no-install-recommends libmagic1 >&2
fi
models=pytest-splunk-addon==7.0.5
if [ "$(cat "$tools/data_models/from" 2>/dev/null)" != $models ]; then
	rm -rf "$tools/wheel" "$tools/data_models"
	mkdir -p "$tools/data_models"
	pip sdk download --no-deps --only-binary :all: --dest "$tools/wheel" $models
	python3 - "$tools"/wheel/*.whl "$tools/data_models" <<-'EOF'
		import os, sys, zipfile
		wheel = zipfile.ZipFile(sys.argv[1])
		for name in wheel.namelist():
		    if "/data_models/" in name and name.endswith(".json"):
		        with open(os.path.join(sys.argv[2], os.path.basename(name)), "wb") as f:
		            f.write(wheel.read(name))
	EOF
	rm -rf "$tools/wheel"
	echo $models >"$tools/data_models/from"
fi
echo "$tools"
