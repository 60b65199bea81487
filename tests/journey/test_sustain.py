"""`becalm sustain` from a step to a reviewed alarm, in a workspace whose rebound is known."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from published_counts import keep, published
from typer.testing import CliRunner
from watched import FIRST, ONSET, STEP, WEEKS, drawn_incidents

from becalm.app.main import app
from becalm.tables import PUBLISHED_COUNTS


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with these incidents and a declared step."""
    folder = tmp_path_factory.mktemp("sustain") / "w"
    CliRunner().invoke(app, ["init", str(folder)])
    keep(folder, "incidents", drawn_incidents(), "drawn", as_of=FIRST + timedelta(weeks=WEEKS))
    with (folder / "becalm.toml").open("a") as config:
        config.write('\n[sustain]\nfalse_alarms_per_year = 0.2\nnotify = ["word"]\n')
    assert sustain(folder, *STEP)[0] == 0
    return folder


def sustain(workspace: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sustain", *words, "-w", str(workspace), "--quiet"])
    return result.exit_code, result.output + (result.stderr if result.exit_code else "")


def test_a_rebound_is_heard_reviewed_and_kept(workspace):
    code, text = sustain(workspace, "watch", "--format", "json", "--seed", "1")
    assert code == 0
    answer = json.loads(text)
    assert set(answer) == {
        *("as_of", "until", "unit", "reference", "budget", "steps", "series", "alarms", "warnings")
    }
    assert answer["budget"]["per_year"] == pytest.approx(0.2)
    assert answer["steps"][0]["declared_after_its_weeks"] is True
    row_by_group = {row["series"]["offence_group"]: row for row in answer["series"]}
    assert row_by_group["robbery"]["state"] == "alarm"
    assert row_by_group["burglary"]["state"] == "quiet"
    assert row_by_group["robbery"]["lost_share"]["low"] < 1.0 < row_by_group["robbery"]["lost_share"]["high"]
    alarm = next(a for a in answer["alarms"] if a["series"]["offence_group"] == "robbery")
    onset = FIRST + timedelta(weeks=ONSET)
    weeks = [
        f"{day.isocalendar()[0]}-W{day.isocalendar()[1]:02d}" for day in map(week_after(onset), range(9))
    ]
    assert alarm["week"] in weeks

    again = json.loads(sustain(workspace, "watch", "--format", "json")[1])
    assert again == answer, "thresholds are kept, and nothing is drawn again"
    assert len(list((workspace / "word").iterdir())) == 1, "word is sent once"

    assert (
        sustain(workspace, "review", alarm["alarm"], "--decision", "real", "--reason", "bars opened")[0] == 0
    )
    history = json.loads(sustain(workspace, "history", "--format", "json")[1])
    assert next(a for a in history["alarms"] if a["alarm"] == alarm["alarm"])["decision"] == "real"
    assert {d["detector"]: d["right_share"] for d in history["detectors"]}["ramp"] == 1.0
    code, text = sustain(workspace, "review", alarm["alarm"], "--decision", "chance", "--reason", "again")
    assert (code, "was reviewed on" in text) == (2, True)
    code, text = sustain(workspace, "watch")
    assert code == 0
    assert "all areas, robbery" in text


def week_after(onset: date) -> Any:
    return lambda number: onset + timedelta(weeks=number)


def test_before_the_rebound_nothing_is_said_to_rise(workspace):
    until = FIRST + timedelta(weeks=ONSET - 1, days=6)
    code, text = sustain(workspace, "watch", "--until", str(until), "--format", "json", "--seed", "1")
    assert code == 0
    assert {row["state"] for row in json.loads(text)["series"]} == {"quiet"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("watch", "--until", "2020-05-13"), "in the middle of a week"),
        (("watch", "--until", "2020-01"), "in the middle of a week"),
        (("watch", "--until", "2020-W03"), "2 whole weeks after it"),
        (("watch", "--detector", "ramb"), "Did you mean 'ramp'?"),
        (("watch", "--detector", "sisters"), "watches groups"),
        (("watch", "--offence-group", "robery"), "Did you mean"),
        (("review", "2020-W01/all/all/ramp", "--decision", "real", "--reason", " "), "was never raised"),
        (("step", "add", "--from", "2200-01-01", "--kind", "other", "--reason", "x"), "lies in the future"),
        (("step", "add", "--from", "2020-06-01", "--kind", "other", "--reason", " "), "has no reason"),
        (STEP, "inside step"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(workspace, words, said):
    code, text = sustain(workspace, *words)
    assert code in (2, 5)
    assert said in " ".join(text.split())


def test_months_where_weeks_are_needed_are_refused(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path / "w")])
    rows = pa.Table.from_pylist(published("mps_borough"), schema=PUBLISHED_COUNTS.to_pyarrow())
    keep(tmp_path / "w", "published_counts", rows, "mps_borough")
    step = ("step", "add", "--from", "2020-03-16", "--kind", "lockdown", "--reason", "lockdown")
    assert sustain(tmp_path / "w", *step)[0] == 0
    code, text = sustain(tmp_path / "w", "watch")
    assert code == 5
    assert "Too few months since the step" in " ".join(text.split())


def test_a_budget_of_nothing_is_refused(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path / "w")])
    with (tmp_path / "w" / "becalm.toml").open("a") as config:
        config.write("\n[sustain]\nfalse_alarms_per_year = 0\n")
    code, text = sustain(tmp_path / "w", "watch")
    assert (code, "false_alarms_per_year" in text) == (3, True)
