"""Fetches the scripts and styles of others that becalm's web pages use, and keeps them with their hashes.

Only maintainers run it (`make assets`, with Node and npm); users get the files with becalm. The versions
stand here; `assets.json` beside the files says of each where it is from, its licence and its hash, and a test
holds the files to it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = ROOT / "src" / "becalm" / "render" / "assets"
LOCK: Final = TARGET / "assets.json"
OWN_LICENCES: Final = ROOT / "tools" / "assets"
VERSIONS: Final = {
    "fflate": "0.8.3",
    "maplibre-gl": "6.17.0",
    "pmtiles": "4.5.0",
}
LICENCES: Final = {
    "fflate": "MIT",
    "maplibre-gl": "BSD-3-Clause",
    "pmtiles": "BSD-3-Clause",
}
FILES: Final = {  # where each is kept, and what it is in its package; MapLibre's modules stand side by side
    "fflate.mjs": ("fflate", "esm/browser.js"),
    "fflate.licence.txt": ("fflate", "LICENSE"),
    "maplibre-gl.css": ("maplibre-gl", "dist/maplibre-gl.css"),
    "maplibre-gl.licence.txt": ("maplibre-gl", "LICENSE.txt"),
    "maplibre-gl.mjs": ("maplibre-gl", "dist/maplibre-gl.mjs"),
    "maplibre-gl-worker.mjs": ("maplibre-gl", "dist/maplibre-gl-worker.mjs"),
    "pmtiles.mjs": ("pmtiles", "dist/esm/index.js"),
}
OWN_COPIES: Final = {  # licences that the packages do not bring along, kept in tools/assets
    "pmtiles.licence.txt": "pmtiles",
}
SOURCE_MAP: Final = re.compile(
    r"^//# sourceMappingURL=.*\n?", re.MULTILINE
)  # a browser's tools would ask for it


def main() -> None:
    """Fetch and copy all of them, and write the lock."""
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wanted = [f"{name}@{version}" for name, version in VERSIONS.items()]
        npm = ["npm", "install", "--prefix", temporary, "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*npm, *wanted], check=True)
        for file_name, (package, path) in FILES.items():
            source = folder / "node_modules" / package / path
            text = SOURCE_MAP.sub("", source.read_text("utf-8"))
            # The one name that a browser cannot resolve by itself.
            text = text.replace('from"fflate"', 'from"./fflate.mjs"')
            (TARGET / file_name).write_text(text, "utf-8")
        for file_name in OWN_COPIES:
            shutil.copy(OWN_LICENCES / file_name, TARGET / file_name)
    packages = {name: package for name, (package, _) in FILES.items()} | OWN_COPIES
    lock = {name: describe_file(name, package) for name, package in sorted(packages.items())}
    LOCK.write_text(json.dumps(lock, indent=2) + "\n", "utf-8")


def describe_file(name: str, package: str) -> dict[str, str]:
    """Where a file is from, on which terms, and its hash."""
    return {
        "package": package,
        "version": VERSIONS[package],
        "licence": LICENCES[package],
        "sha256": sha256((TARGET / name).read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    main()
