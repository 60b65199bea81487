"""One word names one thing everywhere: folder, desk, command, tests, manual page."""

from __future__ import annotations

from pathlib import Path

import pytest

JOBS = ("measure", "find", "patrol", "divert", "staff", "record", "sustain", "evaluate")
ROOT = Path(__file__).resolve().parents[2]


def built(job: str) -> bool:
    return (ROOT / "src" / "becalm" / job).is_dir()


def places_of(job: str) -> tuple[str, ...]:
    """Where a job's word must be found once its room exists."""
    places = (
        f"src/becalm/desk/{job}.py",
        f"src/becalm/cli/{job}.py",
        f"tests/spec/{job}",
        f"docs/explanation/{job}.md",
    )
    web = (f"src/becalm/web/pages/{job}.py",) if (ROOT / "src" / "becalm" / "web").is_dir() else ()
    return places + web


@pytest.mark.parametrize("job", [job for job in JOBS if built(job)])
def test_a_job_that_is_built_is_found_under_its_word_everywhere(job: str) -> None:
    assert [place for place in places_of(job) if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("job", [job for job in JOBS if not built(job)])
def test_a_job_that_is_not_built_has_left_nothing_behind(job: str) -> None:
    assert [place for place in places_of(job) if (ROOT / place).exists()] == []


def test_the_manual_tells_of_every_job_and_which_are_built() -> None:
    page = (ROOT / "docs" / "explanation" / "the-eight-jobs.md").read_text("utf-8")
    rows = {
        job: row
        for row in page.splitlines()
        for job in JOBS
        if row.startswith((f"| **{job}**", f"| [**{job}**"))
    }
    assert set(rows) == set(JOBS)
    assert {job for job, row in rows.items() if "| built |" in row} == {job for job in JOBS if built(job)}


def test_every_test_has_a_name_of_its_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
