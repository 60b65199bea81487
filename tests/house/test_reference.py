"""The reference is what the program says of itself, today."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import every_command

WRITE = """
import sys; sys.path.insert(0, sys.argv[1])
import pathlib, generate
generate.REFERENCE = pathlib.Path(sys.argv[2])
generate.main()
"""


@pytest.fixture(scope="module")
def written(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, "-c", WRITE, str(root / "docs"), str(folder)], check=True)
    return folder


def test_the_reference_is_up_to_date(written: Path, root: Path) -> None:
    kept = root / "docs" / "reference"
    stale = [
        path.name
        for path in sorted(written.glob("*.md"))
        if not (kept / path.name).is_file()
        or (kept / path.name).read_text("utf-8") != path.read_text("utf-8")
    ]
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
