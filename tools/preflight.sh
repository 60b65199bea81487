#!/usr/bin/env bash
# Finds a Python that can carry becalm and prints its name; else says what is missing and how to get it.
set -euo pipefail

suits() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; }
can_make_environments() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

complain() {
  {
    echo "becalm cannot be installed here yet: $1"
    echo "  $2"
    echo "Then run the same command again."
  } >&2
  exit 1
}

venv=${BECALM_VENV:-.venv}
if [ -d "$venv" ]; then
  if suits "$venv/bin/python"; then
    echo "$venv/bin/python"
    exit 0
  fi
  complain "$venv exists, but its Python does not run or is older than 3.11." \
    "Move that folder away (mv $venv $venv.old), so that a new one can be made."
fi

found=
for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
  if command -v "$name" >/dev/null && suits "$name"; then
    found=$name
    break
  fi
done
[ -n "$found" ] || complain "no Python 3.11 or newer was found${PYTHON:+ as $PYTHON}." \
  "On Debian 12: sudo apt-get install python3.11 python3.11-venv"
can_make_environments "$found" || complain "$found cannot make virtual environments (venv or ensurepip is missing)." \
  "On Debian and Ubuntu: sudo apt-get install python$(version_of "$found")-venv"

free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
[ "$free_mb" -ge 2000 ] || complain "only $free_mb MB are free in $PWD; the environment and the demo need about 2,000 MB." \
  "Free some space, or work in a copy on another disk."

echo "$found"
