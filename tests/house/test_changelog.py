"""The notes for whoever upgrades are in order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import becalm

NAME = re.compile(r"^[a-z0-9][a-z0-9-]*\.(\w+)\.md$")


def fragments(root: Path) -> list[Path]:
    return sorted(
        path for path in (root / "changelog.d").iterdir() if path.name not in {".gitignore", "README.md"}
    )


def kinds(settings: dict[str, Any]) -> set[str]:
    return {kind["directory"] for kind in settings["tool"]["towncrier"]["type"]}


def test_every_note_is_named_for_a_feature_and_a_kind(root: Path, settings: dict[str, Any]) -> None:
    odd = [f.name for f in fragments(root) if not (m := NAME.match(f.name)) or m[1] not in kinds(settings)]
    assert odd == []


def test_every_note_is_one_short_paragraph_of_whole_sentences(root: Path) -> None:
    for fragment in fragments(root):
        text = fragment.read_text("utf-8").strip()
        assert text, f"{fragment.name} is empty"
        assert text[-1] in ".)", f"{fragment.name} does not end with a full stop"
        assert "\n\n" not in text, f"{fragment.name} has more than one paragraph"
        assert len(text) <= 600, f"{fragment.name} is longer than 600 characters"


@pytest.fixture(scope="module")
def draft(root: Path) -> str:
    towncrier = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9"]
    return subprocess.run(towncrier, cwd=root, check=True, capture_output=True, text=True).stdout


def test_towncrier_makes_a_changelog_of_them(root: Path, draft: str) -> None:
    flat = " ".join(draft.split())
    for fragment in fragments(root):
        assert (
            fragment.read_text("utf-8").split()[:4]
            == flat[flat.index(" ".join(fragment.read_text("utf-8").split()[:4])) :].split()[:4]
        )


def test_what_is_new_is_in_the_changelog_or_waits_for_it(root: Path) -> None:
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", changelog, re.MULTILINE)
    assert [day for _, day in released] == sorted((day for _, day in released), reverse=True)
    assert fragments(root) or released
    if released and becalm.__version__ == released[0][0]:
        citation = (root / "CITATION.cff").read_text("utf-8")
        assert f"date-released: {released[0][1]}" in citation
    else:  # a version that is not released yet has notes
        assert fragments(root)


def test_the_changelog_has_the_place_where_new_notes_go(root: Path, settings: dict[str, Any]) -> None:
    start = settings["tool"]["towncrier"]["start_string"].strip()
    assert start in (root / "CHANGELOG.md").read_text("utf-8")
