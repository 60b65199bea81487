"""A short year on a tiny city: stopped on its way, gone on with, and set beside the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from becalm.app.main import run_command
from becalm.desk import Caller
from becalm.rehearse.report import write_report
from becalm.rehearse.request import RehearsalRequest
from becalm.rehearse.runner import CommandAnswer, RunCommand
from becalm.rehearse.year import Rehearsal, rehearse
from becalm.terms import FileName, RehearsalError, UsageError, silent_progress


def request(out: Path, *, weeks: int = 8, resume: bool = False, scenario: str = "") -> RehearsalRequest:
    return RehearsalRequest(
        out=FileName(str(out)),
        scenario=scenario or "as_the_press_told_it",
        scale="tiny",
        weeks=weeks,
        resume=resume,
    )


def live(asked: RehearsalRequest, runner: RunCommand = run_command) -> Rehearsal:
    return rehearse(asked, runner, progress=silent_progress)


def stopping(after: int) -> RunCommand:
    """A runner that is stopped from outside when it has run so many commands."""
    calls = []

    def run(arguments: Sequence[str], caller: Caller) -> CommandAnswer:
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt
        return run_command(arguments, caller)

    return run


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    out = tmp_path_factory.mktemp("rehearsal") / "year"
    with pytest.raises(KeyboardInterrupt):
        live(request(out), stopping(after=13))  # in the second week
    with pytest.raises(UsageError, match="resume"):
        live(request(out))
    with pytest.raises(UsageError, match="other options"):
        live(request(out, weeks=10, resume=True))
    rehearsal = live(request(out, resume=True))
    write_report(rehearsal)
    return rehearsal


def test_nothing_is_lost_nothing_is_violated_and_every_run_can_be_repeated(year: Rehearsal) -> None:
    answer = year.as_object()
    assert (answer["violations"], answer["lost"], answer["unreplayable"]) == (0, 0, 0)


def test_every_question_is_asked(year: Rehearsal) -> None:
    asked = {row.question for row in year.rows}
    assert {"change", "places", "delivered", "arrests", "effect", "found by police", "ledger"} <= asked


def test_what_police_find_does_not_feed_back(year: Rehearsal) -> None:
    assert year.failed("found by police") == 0


def test_the_intervals_hold_the_truth(year: Rehearsal) -> None:
    assert year.held_share >= 0.85  # of some fifty figures at 95 %: below this by chance once in ten thousand


def test_the_answer_has_the_promised_shape(year: Rehearsal) -> None:
    answer = json.loads((year.folder / "rehearsal.json").read_text("utf-8"))
    assert {"scenario", "seed", "weeks", "rows", "held_share", "violations", "lost", "unreplayable"} <= set(
        answer
    )
    assert {"asked", "truth", "said", "low", "high", "held"} <= set(answer["rows"][0])
    assert "What was asked of the year" in (year.folder / "rehearsal.html").read_text("utf-8")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match="other files"):
        live(request(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_state_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "force").mkdir()
    (tmp_path / "state.json").write_text("{", "utf-8")
    with pytest.raises(RehearsalError, match="cannot be read"):
        live(request(tmp_path, resume=True))


def test_a_rehearsal_never_writes_into_a_real_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BECALM_LEDGER", "postgresql://force/ledger")
    with pytest.raises(UsageError, match="Unset it"):
        live(request(tmp_path / "year"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("after", [2, 9, 17, 23, 31])
def test_a_year_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, after: int) -> None:
    whole = live(request(tmp_path / "whole", weeks=4))
    with pytest.raises(KeyboardInterrupt):
        live(request(tmp_path / "stopped", weeks=4), stopping(after))
    resumed = live(request(tmp_path / "stopped", weeks=4, resume=True))
    assert resumed.as_object() == whole.as_object()


@pytest.mark.exhaustive
def test_an_insider_is_seen(tmp_path: Path) -> None:
    year = live(request(tmp_path / "year", weeks=4, scenario="tampering_insider"))
    assert [row.held for row in year.rows if row.question == "tampering"] == [True]
