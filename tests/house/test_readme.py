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


def test_pip_and_uv_stand_first_and_make_is_for_contributors(readme: str) -> None:
    places = [readme.index(line) for line in ("pip install", "uv tool install", "make demo", "make test")]
    assert places == sorted(places)
    assert places[-1] < readme.index("## With real data")


def test_its_python_example_runs(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(
        f"{2018 + n % 2}-{1 + n % 12:02}-{1 + n % 28:02},theft,{53e4 + 9 * (n % 37)},{18e4 + 7 * (n % 41)}\n"
        for n in range(1500)
    )
    (tmp_path / "crimes.csv").write_text("day,offence,easting,northing\n" + lines, "utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert example
    monkeypatch.chdir(tmp_path)
    exec(example[1], {})


def test_it_counts_the_jobs_that_are_built(readme: str, root: Path) -> None:
    page = (root / "docs" / "explanation" / "the-eight-jobs.md").read_text("utf-8")
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")
    assert f"{words[page.count('| built |')]} of which are built" in readme
