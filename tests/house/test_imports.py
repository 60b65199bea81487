"""Imports run downwards only; and every contract is shown to be able to fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

LINT = Path(sys.executable).with_name("lint-imports")


@dataclass(frozen=True)
class Report:
    code: int
    text: str

    def broke(self, contract_name: str) -> bool:
        return re.search(re.escape(contract_name) + r".*BROKEN", self.text) is not None


def lint(folder: Path, root: Path) -> Report:
    done = subprocess.run(
        [LINT, "--config", str(root / "pyproject.toml"), "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "250", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Report(done.returncode, done.stdout + done.stderr)


def rooms_of(layer: str, source: Path) -> list[str]:
    names = [name.strip("( )") for name in layer.split("|")]
    return [name for name in names if (source / "becalm" / name).is_dir()]


def contracts(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def faults_of_layers(contract: dict[str, Any], source: Path) -> list[tuple[str, str]]:
    """One import upwards across every floor, and one sideways between every two neighbours."""
    layers = [rooms_of(layer, source) for layer in contract["layers"]]
    upwards = [(low, high) for above, below in pairwise(layers) for high in above for low in below]
    sideways = [pair for layer in layers for pair in pairwise(layer)]
    return upwards + sideways


def faults_of_forbidden(contract: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (room.removeprefix("becalm."), module)
        for room in contract["source_modules"]
        for module in contract["forbidden_modules"]
    ]


def plant(source: Path, folder: Path, imports: list[tuple[str, str]]) -> Path:
    """A copy of the package in which these rooms import what they must not."""
    shutil.copytree(source / "becalm", folder / "becalm", ignore=shutil.ignore_patterns("__pycache__"))
    for room, module in imports:
        with (folder / "becalm" / room / "__init__.py").open("a") as file:
            file.write(f"\nimport {module}\n")
    return folder


@pytest.fixture(scope="module")
def source(root: Path) -> Path:
    return root / "src"


def test_the_house_keeps_every_contract(source: Path, root: Path, tmp_path: Path) -> None:
    report = lint(plant(source, tmp_path, []), root)
    assert report.code == 0, report.text


def test_an_import_upwards_or_sideways_is_caught_for_every_pair_of_rooms(
    source: Path, root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    contract = contracts(settings)["house"]
    faults = faults_of_layers(contract, source)
    planted = plant(source, tmp_path, [(low, f"becalm.{high}") for low, high in faults])
    report = lint(planted, root)
    assert report.broke(contract["name"]), report.text
    unseen = [
        (low, high)
        for low, high in faults
        if not re.search(rf"becalm\.{low}(\.\w+)* (->|is not allowed to import) becalm\.{high}", report.text)
    ]
    assert not unseen, report.text


def test_a_room_that_no_layer_names_is_caught(
    source: Path, root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    planted = plant(source, tmp_path, [])
    (planted / "becalm" / "utils").mkdir()
    (planted / "becalm" / "utils" / "__init__.py").write_text('"""Nobody knows."""\n')
    report = lint(planted, root)
    assert report.broke(contracts(settings)["house"]["name"]), report.text
    assert "becalm.utils" in report.text


@pytest.mark.parametrize("contract_id", ["pure", "methods", "terms", "roots"])
def test_every_forbidden_import_of_every_room_is_caught(
    contract_id: str, source: Path, root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    contract = contracts(settings)[contract_id]
    faults = faults_of_forbidden(contract)
    for _, module in faults:  # a concrete store may not be built yet
        if module.startswith("becalm.store."):
            place = tmp_path / "becalm" / "store" / f"{module.split('.')[-1]}.py"
            assert (source / place.relative_to(tmp_path)).is_file(), f"{module} does not exist"
    report = lint(plant(source, tmp_path, faults), root)
    assert report.broke(contract["name"]), report.text
    unseen = [
        (room, module)
        for room, module in faults
        if f"becalm.{room} is not allowed to import {module}" not in report.text
    ]
    assert not unseen, report.text


def test_every_contract_has_a_planted_fault(settings: dict[str, Any]) -> None:
    assert set(contracts(settings)) == {"house", "pure", "methods", "terms", "roots"}
