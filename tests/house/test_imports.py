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


def contracts(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def stands(module: str, source: Path) -> bool:
    """Whether there is this package, or this module of its own."""
    path = source.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def faults_of_layers(contract: dict[str, Any], container: str, source: Path) -> list[tuple[str, str]]:
    """One import upwards across every floor, and sideways between every two neighbours."""
    layers = [
        [f"{container}.{name.strip('( )')}" for name in re.split(r"[|:]", layer)]
        for layer in contract["layers"]
    ]
    built = [[module for module in layer if stands(module, source)] for layer in layers]
    built = [layer for layer in built if layer]
    upwards = [(low, high) for above, below in pairwise(built) for high in above for low in below]
    apart = [
        [module for module in layer if stands(module, source)]
        for layer, text in zip(layers, contract["layers"], strict=True)
        if "|" in text
    ]
    return upwards + [pair for layer in apart for pair in pairwise(layer)]


def faults_of_forbidden(contract: dict[str, Any], source: Path) -> list[tuple[str, str]]:
    """Every forbidden module imported by every package that must not; `*` stands for every room."""
    return [
        (package, module)
        for pattern in contract["source_modules"]
        for package in packages_like(pattern, source)
        for module in contract["forbidden_modules"]
    ]


def packages_like(pattern: str, source: Path) -> list[str]:
    folders = sorted(source.glob(pattern.replace(".", "/")))
    return [".".join(folder.relative_to(source).parts) for folder in folders if folder.is_dir()]


def plant(source: Path, folder: Path, imports: list[tuple[str, str]]) -> Path:
    """A copy of the package in which these rooms import what they must not."""
    shutil.copytree(source / "becalm", folder / "becalm", ignore=shutil.ignore_patterns("__pycache__"))
    for package, module in imports:
        path = folder.joinpath(*package.split("."))
        with (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).open("a") as file:
            file.write(f"\nimport {module}\n")
    return folder


@pytest.fixture(scope="module")
def source(root: Path) -> Path:
    return root / "src"


def test_the_house_keeps_every_contract(source: Path, root: Path, tmp_path: Path) -> None:
    report = lint(plant(source, tmp_path, []), root)
    assert report.code == 0, report.text


@pytest.mark.parametrize(
    ("contract_id", "container"),
    [
        ("house", "becalm"),
        *(
            ("roles", f"becalm.{job}")
            for job in ("divert", "find", "patrol", "measure", "record", "staff", "sustain")
        ),
    ],
)
def test_an_import_upwards_or_sideways_is_caught_for_every_pair(
    contract_id: str, container: str, source: Path, root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    contract = contracts(settings)[contract_id]
    assert container in contract["containers"]
    faults = faults_of_layers(contract, container, source)
    assert faults
    report = lint(plant(source, tmp_path, faults), root)
    assert report.broke(contract["name"]), report.text
    unseen = [
        (low, high)
        for low, high in faults
        if not re.search(
            rf"{re.escape(low)}(\.\w+)* (->|is not allowed to import) {re.escape(high)}", report.text
        )
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


@pytest.mark.parametrize("contract_id", ["pure", "face", "face_staff", "methods", "terms", "roots"])
def test_every_forbidden_import_of_every_room_is_caught(
    contract_id: str, source: Path, root: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    contract = contracts(settings)[contract_id]
    faults = faults_of_forbidden(contract, source)
    own = {module for _, module in faults if module.startswith("becalm.")}
    assert [module for module in own if not stands(module, source)] == []
    report = lint(plant(source, tmp_path, faults), root)
    assert report.broke(contract["name"]), report.text
    unseen = [
        (package, module)
        for package, module in faults
        if f"{package} is not allowed to import {module}" not in report.text
    ]
    assert not unseen, report.text


def test_every_contract_has_a_planted_fault(settings: dict[str, Any]) -> None:
    assert set(contracts(settings)) == {
        "house",
        "roles",
        "pure",
        "face",
        "face_staff",
        "methods",
        "terms",
        "roots",
    }
