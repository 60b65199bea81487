#!/usr/bin/env bash
# Serves the pages of the demo's workspace on this machine, with one user for each role.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$(cd "${BECALM_VENV:-.venv}" && pwd)/bin:$PATH"
workspace=demo/workspace
users=demo/users.txt

[ -e "$workspace/becalm.toml" ] || { echo "There is no demo yet. Run: make demo" >&2; exit 1; }
if [ ! -e "$users" ]; then
  echo "Making one user for each role ..."
  umask 077
  # Those of a run that was cut short cannot be known any more: its accounts are made anew.
  rm -f "$workspace"/app.sqlite*
  : >"$users.new"
  python -c 'from becalm.app.rights import ROLES; print("\n".join(ROLES))' | while read -r role; do
    becalm account add "${role// /.}" --role "$role" --workspace "$workspace" --format json |
      python -c 'import json, sys
answer = json.load(sys.stdin)
print("{:22} {}".format(answer["accounts"][0]["name"], answer["password"]))' >>"$users.new"
  done
  mv "$users.new" "$users"
fi
printf '\nUsers, each with the password for the first sign-in (kept in %s):\n\n' "$users"
cat "$users"
echo
exec becalm serve --workspace "$workspace"
