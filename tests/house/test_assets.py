"""The scripts and styles of others that the pages use are those of the lock, and ask nobody outside."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from becalm.app.site import street_assets

ASSETS = Path(__file__).resolve().parents[2] / "src" / "becalm" / "render" / "assets"
LOCK = json.loads((ASSETS / "assets.json").read_text("utf-8"))
OWN = {"assets.json", "street-map.css", "street-map.mjs", *street_assets.NAMES, street_assets.WORKER}
PERMISSIVE = {"MIT", "0BSD", "BSD-3-Clause"}
ADDRESS = re.compile(r"""url\(\s*(?!["']?data:)|@import|@font-face""")


def test_every_file_is_ours_or_in_the_lock_with_its_hash() -> None:
    files = {path.name for path in ASSETS.iterdir()}
    assert files - OWN == LOCK.keys()
    for name, entry in LOCK.items():
        assert sha256((ASSETS / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["licence"] in PERMISSIVE


def test_each_package_comes_with_its_licence_and_a_notice() -> None:
    notice = (ASSETS.parents[3] / "THIRD_PARTY.md").read_text("utf-8")
    for package in {entry["package"] for entry in LOCK.values()}:
        of_package = [name for name, entry in LOCK.items() if entry["package"] == package]
        assert any(name.endswith(".licence.txt") for name in of_package), package
        assert package in notice


@pytest.mark.parametrize("name", ["maplibre-gl.css", "street-map.css", "street.css"])
def test_no_style_fetches_anything(name: str) -> None:
    style = (ASSETS / name).read_text("utf-8")
    assert not ADDRESS.search(style)


def test_modules_import_only_what_lies_beside_them() -> None:
    for path in ASSETS.glob("*.mjs"):
        # Only our own and the two small ones: MapLibre's own text holds words that look like imports.
        if not path.name.startswith("maplibre"):
            for module in re.findall(r"""(?:from|import)\s*["']([^"']+)["']""", path.read_text("utf-8")):
                assert (ASSETS / module).is_file(), (path.name, module)
        assert "sourceMappingURL" not in path.read_text("utf-8")
