#!/usr/bin/env bash
# Serves the pages of the demo's workspace on this machine, with one user for each role.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$(cd "${BECALM_VENV:-.venv}" && pwd)/bin:$PATH"
workspace=demo/workspace
users=demo/users.txt

[ -e "$workspace/becalm.toml" ] || { echo "There is no demo yet. Run: make demo" >&2; exit 1; }
if [ ! -e "$workspace/app.sqlite" ]; then
  echo "Making one user for each role ..."
  umask 077
  : >"$users"
  python -c 'from becalm.app.rights import ROLES; print("\n".join(ROLES))' | while read -r role; do
    becalm account add "${role// /.}" --role "$role" --workspace "$workspace" --format json |
      python -c 'import json, sys; a = json.load(sys.stdin); n = a["accounts"][0]["name"]; print(f"{n:22} {a["password"]}")' >>"$users"
  done
fi
printf '\nUsers, each with the password for the first sign-in (kept in %s):\n\n' "$users"
cat "$users"
echo
exec becalm serve --workspace "$workspace"
