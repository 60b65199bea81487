#!/usr/bin/env bash
# What a release consists of, in dist/: wheel, source archive, bill of materials (CycloneDX) of what the wheel installs.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BECALM_VENV:-.venv}/bin
out=${1:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) "$bin/python" -m hatchling build -t wheel -t sdist -d "$out" >/dev/null
wheel=$(ls -t "$out"/becalm-*.whl | head -n 1)
# A fresh environment holds exactly what a user gets; with the versions that were tested.
"$bin/python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$wheel"
"$bin/cyclonedx-py" environment "$work/env/bin/python" --pyproject pyproject.toml --output-reproducible \
  --output-file "${wheel%%-py3*}.cdx.json"
ls -l "$out"
