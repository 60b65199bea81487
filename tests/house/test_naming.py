"""One word names one thing everywhere: folder, desk, command, tests, manual page."""

from __future__ import annotations

from pathlib import Path

import pytest

from house import Source

JOBS = ("measure", "find", "patrol", "divert", "staff", "record", "sustain", "evaluate")
ROOT = Path(__file__).resolve().parents[2]


ROLES = ("core", "desk", "files", "cli")


def built(job: str) -> bool:
    return (ROOT / "src" / "becalm" / job).is_dir()


def places_of(job: str) -> tuple[str, ...]:
    """Where a job's word must be found once its room exists."""
    return (
        f"tests/spec/{job}",
        f"docs/explanation/{job}.md",
        *(f"src/becalm/{job}/{role}" for role in ROLES),
    )


def stands(place: str) -> bool:
    """Whether there is this folder or file; a small role is one module."""
    return (ROOT / place).exists() or (ROOT / f"{place}.py").is_file()


def others_in(job: str) -> list[str]:
    """What lies in the folder of a job and is none of its roles."""
    names = [path.name.removesuffix(".py") for path in (ROOT / "src" / "becalm" / job).iterdir()]
    return sorted(set(names) - {*ROLES, "pages", "__init__", "__init__.pyi", "__pycache__"})


def repeats(place: str) -> bool:
    """Whether the name of a module says again what one of its folders says."""
    *folders, name = place.removeprefix("becalm/").removesuffix(".py").split("/")
    return any(name == folder or name.startswith(f"{folder}_") for folder in folders)


@pytest.mark.parametrize("job", [job for job in JOBS if built(job)])
def test_a_job_that_is_built_is_found_under_its_word_everywhere(job: str) -> None:
    assert [place for place in places_of(job) if not stands(place)] == []
    assert others_in(job) == []


@pytest.mark.parametrize("job", [job for job in JOBS if not built(job)])
def test_a_job_that_is_not_built_has_left_nothing_behind(job: str) -> None:
    assert [place for place in places_of(job) if stands(place)] == []


def test_the_manual_tells_of_every_job_and_which_are_built() -> None:
    page = (ROOT / "docs" / "explanation" / "the-eight-jobs.md").read_text("utf-8")
    rows = {
        job: row
        for row in page.splitlines()
        for job in JOBS
        if row.startswith((f"| **{job}**", f"| [**{job}**"))
    }
    assert set(rows) == set(JOBS)
    assert {job for job, row in rows.items() if "| built" in row} == {job for job in JOBS if built(job)}


def test_no_module_repeats_the_word_of_its_folder(sources: tuple[Source, ...]) -> None:
    assert [source.path for source in sources if repeats(source.path)] == []


def test_a_planted_repetition_is_seen() -> None:
    assert repeats("becalm/find/desk/find_rules.py")
    assert repeats("becalm/archive/archive.py")
    assert not repeats("becalm/find/desk/list_rules.py")


def test_every_test_has_a_name_of_its_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
