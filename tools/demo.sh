#!/usr/bin/env bash
# The weekly cycle on the simulated city, in ./demo: made afresh each time, the same each time.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$(cd "${BECALM_VENV:-.venv}" && pwd)/bin:$PATH"
started=$SECONDS

rm -rf demo/city demo/workspace # only what this script makes
mkdir -p demo

step() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi; }
run() {
  echo "\$ $*"
  "$@"
}

step "1. A simulated city with a known truth"
run becalm simulate --seed 7 --out demo/city

step "2. A workspace for it"
run becalm init demo/workspace --city demo/city/city.toml --boundaries demo/city/boundaries.geojson

step "3. Its records, as a force would deliver them"
run becalm ingest demo/city/extract --workspace demo/workspace

step "4. Measure, find, plan patrols, and brief"
run becalm run --workspace demo/workspace --period 2020-04 --baseline 2019-04 --seed 7 --patrol-from 2020-05-04

step "5. Is the plan sound? Who drew it? (Nobody has opened its seed yet, so the audit notes that.)"
run becalm patrol check demo/workspace/patrol/plan-2020-05-04 --workspace demo/workspace
run becalm patrol audit --workspace demo/workspace

cat <<END

Done in $((SECONDS - started)) seconds.
The briefing:  $PWD/demo/workspace/briefing/index.html   (open it in any browser; it needs no network)
The plan:      $PWD/demo/workspace/patrol/plan-2020-05-04/index.html
The pages:     make demo-pages   serves them on this machine, with one user for each role.
Look around:   docs/tutorial.md goes through these steps one by one.

With real data: fetch your force's months as one archive from data.police.uk, then
  source ${BECALM_VENV:-.venv}/bin/activate
  becalm init my-city
  becalm ingest ~/Downloads/archive.zip --workspace my-city
  becalm run --workspace my-city
For a file of another shape, read docs/how-to/bring-your-own-extract.md.
END
