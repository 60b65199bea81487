"""Steps of a level: declared, ended, refused where they cannot be, and left out of the noise."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from published_counts import keep, published
from typer.testing import CliRunner

from becalm.app.main import app, open_desk
from becalm.desk import Desk, record_event
from becalm.ledger import WITHDRAWN
from becalm.measure.core.request import CompareRequest, StepEndRequest, StepRequest
from becalm.measure.desk import active_steps, compare, declare_step, end_declared_step
from becalm.measure.files.sentences import noise_sentence
from becalm.tables import PUBLISHED_COUNTS
from becalm.terms import UsageError

LOCKDOWN = StepRequest(start=date(2019, 3, 16), kind="lockdown", reason="first lockdown")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A workspace with published counts from 2017 to May 2020."""
    CliRunner().invoke(app, ["init", str(tmp_path / "w")])
    rows = pa.Table.from_pylist(published("mps_borough"), schema=PUBLISHED_COUNTS.to_pyarrow())
    keep(tmp_path / "w", "published_counts", rows, "mps_borough")
    return open_desk(tmp_path / "w")


def step(**changes: object) -> StepRequest:
    values = {"start": LOCKDOWN.start, "kind": "lockdown", "reason": LOCKDOWN.reason, **changes}
    return StepRequest(**values)  # type: ignore[arg-type]


def test_a_declared_step_is_kept_in_the_ledger_and_ends_there(desk):
    entry = declare_step(desk, step(group=("robbery",)))
    (declared,) = active_steps(desk)
    assert (declared.start, declared.kind, declared.reason) == (
        date(2019, 3, 16),
        "lockdown",
        "first lockdown",
    )
    assert (declared.groups, declared.areas, declared.end) == (("robbery",), (), None)
    assert declared.declared_on == desk.now().astimezone(UTC).date()
    end_declared_step(desk, StepEndRequest(step=entry.seq, on=date(2019, 7, 4), reason="shops opened"))
    assert active_steps(desk)[0].end == date(2019, 7, 4)
    assert active_steps(desk, known_at=datetime(2020, 1, 1, tzinfo=UTC)) == ()


def test_a_withdrawn_step_is_none(desk):
    entry = declare_step(desk, LOCKDOWN)
    record_event(desk, WITHDRAWN, purpose="measurement", facts={"reason": "twice"}, corrects=entry.seq)
    assert active_steps(desk) == ()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (step(reason=" "), "has no reason"),
        (step(start=date(2016, 5, 1)), "before the records, which begin on 2017-01-01"),
        (step(start=date(2017, 1, 1)), "before the records"),
        (step(start=date(2200, 1, 1)), "lies in the future"),
    ],
)
def test_a_step_that_cannot_be_is_refused_and_nothing_is_recorded(desk, request_, said):
    with pytest.raises(UsageError, match=said):
        declare_step(desk, request_)
    assert active_steps(desk) == ()


def test_a_step_inside_another_of_the_same_series_is_refused(desk):
    first = declare_step(desk, step(group=("robbery", "theft")))
    with pytest.raises(UsageError, match=rf"inside step {first.seq} of the same series \(first lockdown"):
        declare_step(desk, step(start=date(2019, 9, 1), group=("theft",)))
    declare_step(desk, step(start=date(2019, 9, 1), group=("burglary",)))
    assert len(active_steps(desk)) == 2


def test_an_end_of_nothing_a_second_end_and_an_end_before_the_start_are_refused(desk):
    with pytest.raises(UsageError, match=r"Entry 99 declares no step. Steps in force: none"):
        end_declared_step(desk, StepEndRequest(step=99, on=date(2019, 7, 4), reason="over"))
    entry = declare_step(desk, LOCKDOWN)
    with pytest.raises(UsageError, match="not after its start"):
        end_declared_step(desk, StepEndRequest(step=entry.seq, on=date(2019, 3, 1), reason="over"))
    end_declared_step(desk, StepEndRequest(step=entry.seq, on=date(2019, 7, 4), reason="over"))
    with pytest.raises(UsageError, match="has ended already, on 2019-07-04"):
        end_declared_step(desk, StepEndRequest(step=entry.seq, on=date(2019, 8, 1), reason="over"))


def test_a_comparison_says_what_noise_was_learned_from_and_what_a_step_left_out(desk):
    question = CompareRequest(period="2020-05", baseline=("2018",))
    assert "Noise of the total was learned from" in str(noise_sentence(compare(desk, question)))
    entry = declare_step(desk, LOCKDOWN)
    end_declared_step(desk, StepEndRequest(step=entry.seq, on=date(2019, 7, 4), reason="shops opened"))
    noise = compare(desk, question).as_record()["noise"]
    assert {
        "start": "2019-03-01",
        "end": "2019-08-01",
        "reason": "between two shifts of the level within a year",
    } in (noise["left_out"])
    assert {"start": "2018-05-01", "end": "2018-06-01", "reason": "compared here"} in noise["left_out"]
    assert noise["level_shifts"][0]["on"] == "2019-03-01"
    assert noise["level_shifts"][0]["reason"] == "first lockdown"
    before = datetime(2020, 1, 1, tzinfo=UTC)
    assert compare(desk, question, known_at=before).as_record()["noise"]["level_shifts"] == []
