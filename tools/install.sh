#!/usr/bin/env bash
# Makes the virtual environment and installs becalm from this checkout: `install.sh base`, `pages`, `test`, `bench` or `release`.
# Does nothing where that has been done for this very pyproject.toml; never removes an environment.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=$1
venv=${BECALM_VENV:-.venv}

digest=$(cat pyproject.toml constraints.txt requirements.txt tools/install.sh | sha256sum | cut -c1-16)
stamp="$venv/.becalm-$kind-$digest"
python=$(tools/preflight.sh)
works_here() { "$venv/bin/python" -c 'import becalm, sys; raise SystemExit(not becalm.__file__.startswith(sys.argv[1]))' "$PWD/src/" 2>/dev/null; }
if [ -e "$stamp" ] && works_here; then
  exit 0
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
pip_install() {
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" >"$log" 2>&1 && return
  {
    tail -n 25 "$log"
    echo
    echo "pip could not install what becalm needs (its last words are above)."
    echo "  It must reach a package index: check the network, or name your mirror with PIP_INDEX_URL,"
    echo "  then run the same command again; what has been fetched is kept."
  } >&2
  exit 1
}

if [ ! -d "$venv" ]; then
  echo "Making the virtual environment $venv ..."
  "$python" -m venv "$venv"
fi
if [ "$kind" = base ]; then
  echo "Installing becalm into $venv (the first time this fetches about 240 MB) ..."
  pip_install --require-hashes --requirement requirements.txt
  pip_install --no-deps --editable .
elif [ "$kind" = pages ]; then
  echo "Installing what the pages need into $venv (about 7 MB more) ..."
  pip_install --editable ".[web]"
elif [ "$kind" = bench ] || [ "$kind" = release ]; then
  echo "Installing what make ${kind/release/dist} needs into $venv ..."
  pip_install --upgrade "pip>=25.1"
  pip_install --group "$kind"
else
  echo "Installing becalm and what its tests need into $venv (the first time this fetches about 800 MB) ..."
  pip_install --upgrade "pip>=25.1"
  pip_install --require-hashes --requirement constraints.txt
  pip_install --no-deps --editable .
fi
rm -f "$venv/.becalm-$kind-"*
touch "$stamp"
