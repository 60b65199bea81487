"""The drawing of the house in the manual is the contract that the imports are held to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PLANNED = re.compile(r"\((\w+)\)")


def contract_floors(settings: dict[str, Any]) -> list[str]:
    contracts = settings["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract["id"] == "house")


def drawn_floors(page: str) -> list[str]:
    """The floors of the drawing, from the top, written as the contract writes them."""
    block = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert block, "docs/architecture.md has no ```text drawing"
    lines = [line.strip(" │") for line in block[1].splitlines() if line.strip().startswith("│")]
    return [" | ".join(re.split(r"\s*[│|]\s*", line)) for line in lines]


def test_the_drawing_is_the_contract(root: Path, settings: dict[str, Any]) -> None:
    page = (root / "docs" / "architecture.md").read_text("utf-8")
    assert drawn_floors(page) == contract_floors(settings)


def test_what_the_drawing_calls_built_exists_and_what_it_calls_planned_does_not(
    root: Path, settings: dict[str, Any]
) -> None:
    rooms = [name for floor in contract_floors(settings) for name in re.split(r" [|:] ", floor)]
    planned = {match[1] for name in rooms if (match := PLANNED.fullmatch(name))}
    existing = {path.parent.name for path in (root / "src" / "becalm").glob("*/__init__.py")}
    assert {name for name in rooms if not PLANNED.fullmatch(name)} == existing
    assert not planned & existing


def test_a_planted_difference_is_seen(root: Path, settings: dict[str, Any]) -> None:
    page = (root / "docs" / "architecture.md").read_text("utf-8")
    assert drawn_floors(page.replace("│ desk │\n", "")) != contract_floors(settings)
    assert drawn_floors(page.replace("│ rehearse │", "│ (rehearse) │")) != contract_floors(settings)
