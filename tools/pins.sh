#!/usr/bin/env bash
# Pins what becalm stands on, with the hash of each file and without the address of any index:
# constraints.txt everything that the tests install, requirements.txt of that what a user installs.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  "${BECALM_VENV:-.venv}/bin/uv" pip compile pyproject.toml --universal --quiet --generate-hashes --no-emit-index-url \
    --no-header --no-annotate "$@"
}
compile --extra all --group test --group check --output-file constraints.txt
compile --constraint constraints.txt --output-file requirements.txt
