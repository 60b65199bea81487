"""The reference is what the program says of itself, today."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import every_command

TELL = """
import json, sys; sys.path.insert(0, sys.argv[1])
import generate
print(json.dumps(generate.pages()))
"""


@pytest.fixture(scope="module")
def written(root: Path) -> dict[str, str]:
    told = subprocess.run(
        [sys.executable, "-c", TELL, str(root / "docs")], check=True, capture_output=True, text=True
    )
    pages: dict[str, str] = json.loads(told.stdout)
    return pages


def test_the_written_pages_are_up_to_date(written: dict[str, str], root: Path) -> None:
    kept = {name: root / "docs" / name for name in written}
    stale = [n for n, page in kept.items() if not page.is_file() or page.read_text("utf-8") != written[n]]
    assert stale == [], "run `make docs` and commit what it writes"


def test_every_command_and_option_is_in_the_reference(root: Path) -> None:
    page = (root / "docs" / "reference" / "commands.md").read_text("utf-8")
    missing = [
        f"{command.name} {option}"
        for command in every_command()
        for parameter in command.parameters
        for option in parameter.opts
        if parameter.param_type_name == "option" and option not in section(page, command.name)
    ]
    assert missing == []


def section(page: str, heading: str) -> str:
    """The part of a page below `## `heading``."""
    found = re.search(rf"^## `{re.escape(heading)}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_every_link_between_pages_leads_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "benchmarks").glob("*.md")]
    broken = [
        f"{page.relative_to(root)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_of_the_manual_is_reached_from_its_front_page(root: Path) -> None:
    docs = root / "docs"
    reached, waiting = set(), [docs / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        below = [(page.parent / target) for target in targets if "://" not in target]
        waiting += [path / "README.md" if path.is_dir() else path for path in below]
        waiting = [path for path in waiting if path.is_file()]
    assert sorted(str(p.relative_to(docs)) for p in docs.rglob("*.md") if p.resolve() not in reached) == []
