"""The front page shows in one screen what becalm does, and nothing on it is untrue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINES_OF_A_SCREEN = 75


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text("utf-8")


def test_it_fits_on_a_screen(readme: str) -> None:
    assert readme.count("\n") <= LINES_OF_A_SCREEN


def test_it_shows_a_picture_that_becalm_made(readme: str, root: Path) -> None:
    picture = re.search(r"!\[[^\]]{20,}\]\(([^)]+)\)", readme)
    assert picture, "there is no picture with a description"
    assert (root / picture[1]).is_file()


def test_the_two_commands_stand_first(readme: str) -> None:
    assert readme.index("make demo") < readme.index("make test") < readme.index("## With real data")


def test_it_counts_the_jobs_that_are_built(readme: str, root: Path) -> None:
    page = (root / "docs" / "explanation" / "the-eight-jobs.md").read_text("utf-8")
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")
    assert f"{words[page.count('| built |')]} of which are built" in readme
