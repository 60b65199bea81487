#!/usr/bin/env bash
# The programs outside Python that the tests drive: a browser, a PDF reader, Java for Spark and PostgreSQL.
# Installs them when run by root on Debian or Ubuntu; otherwise says what is missing and stops.
set -euo pipefail

has_browser() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }
has_java() { java -version 2>&1 | grep -qE 'version "(1[7-9]|2[0-9])'; }
has_postgresql() { command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }
has_fonts() { ! command -v fc-list >/dev/null || [ -n "$(fc-list 2>/dev/null | head -n 1)" ]; }

missing=()
has_browser && has_fonts || missing+=(chromium fonts-liberation fonts-dejavu-core)
command -v pdftotext >/dev/null || missing+=(poppler-utils)
has_java || missing+=(openjdk-17-jre-headless)
has_postgresql || missing+=(postgresql)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  {
    echo "The tests need programs that are not here: ${missing[*]}"
    echo "  On Debian 12: sudo apt-get install ${missing[*]}"
    echo "Then run the same command again. (\`make demo\` needs none of them.)"
  } >&2
  exit 1
fi
echo "Installing ${missing[*]} ..."
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || {
  tail -n 25 "$log" >&2
  echo "apt-get could not install ${missing[*]} (its last words are above). Install them by hand, then try again." >&2
  exit 1
}
