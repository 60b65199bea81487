"""`becalm measure compare` from the outside: what it prints, and how it ends."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from drawn import drawn_incidents
from published_counts import keep, published
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.tables import PUBLISHED_COUNTS


def run(workspace: Path, *words: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["measure", "compare", "-w", str(workspace), *words])
    return done.exit_code, done.output


def answer(workspace: Path, *words: str) -> dict:
    code, printed = run(workspace, *words, "--format", "json")
    assert code == 0, printed
    return json.loads(printed)


@pytest.fixture(scope="module")
def counts(tmp_path_factory) -> Path:
    """A workspace with published counts of whole months."""
    workspace = tmp_path_factory.mktemp("counts")
    CliRunner().invoke(app, ["init", str(workspace / "w")])
    rows = pa.Table.from_pylist(published("mps_borough"), schema=PUBLISHED_COUNTS.to_pyarrow())
    keep(workspace / "w", "published_counts", rows, "mps_borough")
    return workspace / "w"


@pytest.fixture(scope="module")
def days(tmp_path_factory) -> Path:
    """A workspace with incidents of known days: one a day, two on Fridays, to 1 January 2020."""
    workspace = tmp_path_factory.mktemp("days") / "w"
    CliRunner().invoke(app, ["init", str(workspace)])
    first = date(2017, 1, 1).toordinal()
    every_day = [date.fromordinal(first + n) for n in range(1096)]  # to 2020-01-01
    lines = [f"{d} | robbery | knife | {2 if d.weekday() == 4 else 1}" for d in every_day]
    table = drawn_incidents("day | offence_group | weapon | times\n" + "\n".join(lines)).to_pyarrow()
    keep(workspace, "incidents", table, "drawn")
    return workspace


def test_the_json_keeps_its_contract(counts):
    found = answer(counts, "--period", "2020-04", "--baseline", "2019-04", "--by", "offence_group")
    assert found["period"] == {"start": "2020-04-01", "end": "2020-05-01"}
    assert found["baseline"] == {"start": "2019-04-01", "end": "2019-05-01"}
    assert (found["source"], found["as_of"], found["level"]) == ("mps_borough", "2020-06-08", 0.95)
    assert (found["total"]["old"], found["total"]["new"]) == (4716, 2808)
    rows = {row["group"]: row for row in found["rows"]}
    assert list(rows) == ["=1+1", "drug_offences", "homicide", "robbery"]
    assert rows["robbery"]["change_percent"] == -50.0
    assert rows["robbery"]["low"] < 0.5 < rows["robbery"]["high"] < 1
    assert rows["homicide"]["change_percent"] is None
    assert rows["homicide"]["notes"] == ["no percentage: the baseline of 36 is below 50"]
    assert rows["drug_offences"]["found_by"] == "police"
    assert any("Fraud and forgery is excluded" in warning for warning in found["warnings"])
    assert [b["label"] for b in found["baselines"]] == ["2019-04", "2018-04", "mean of 3 years"]


def test_boroughs_and_their_command_units_add_up_to_the_same_total(counts):
    for by, groups in (("borough", ["Barnet", "Camden"]), ("command_unit", ["Central North", "North West"])):
        found = answer(counts, "--period", "2020-04", "--by", by)
        assert [row["group"] for row in found["rows"]] == groups
        assert (found["total"]["old"], found["total"]["new"]) == (4716, 2808)
        assert any("Fraud and forgery is excluded" in warning for warning in found["warnings"])


def test_a_group_that_is_asked_for_by_name_is_counted_even_outside_the_total(counts):
    found = answer(counts, "--period", "2020-04", "--offence-group", "fraud")
    assert (found["total"]["old"], found["total"]["new"]) == (120, 60)
    assert not any("excluded" in warning for warning in found["warnings"])


def test_the_table_fits_80_columns_and_says_where_it_comes_from(counts):
    code, printed = run(counts, "--period", "2020-04", "--baseline", "2019")
    assert code == 0
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= 80
    assert "fell by 40.5%: from 4,716 in April 2019 to 2,808 in April 2020" in " ".join(printed.split())
    assert "Source mps_borough, records as of 2020-06-08." in printed
    assert "Drug offences †" in printed


def test_the_csv_has_fixed_columns_and_no_formulas(counts):
    _, printed = run(counts, "--period", "2020-04", "--baseline", "2019", "--baseline", "2018", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert list(rows[0])[:6] == ["baseline", "group", "new", "old", "difference", "change_percent"]
    assert [row["baseline"] for row in rows] == ["2019-04"] * 5 + ["2018-04"] * 5
    assert rows[1]["group"] == "'=1+1"
    assert rows[3]["change_percent"] == ""


def test_the_last_six_weeks_end_with_the_records(days):
    found = answer(days, "--period", "the last six weeks", "--baseline", "2018")
    assert found["period"] == {"start": "2019-11-21", "end": "2020-01-02"}
    assert found["baseline"] == {"start": "2018-11-22", "end": "2019-01-03"}
    assert (found["total"]["old"], found["total"]["new"]) == (48, 48)


def test_months_of_different_weekdays_are_compared_like_with_like_on_request(days):
    plain = answer(days, "--period", "2019-03", "--baseline", "2018")
    like = answer(days, "--period", "2019-03", "--baseline", "2018", "--align", "weekdays")
    assert (plain["total"]["old"], plain["total"]["new"]) == (36, 36)
    assert (like["total"]["old"], like["total"]["new"]) == (35, 35)
    assert like["align"] == "weekdays"
    assert like["baselines"][0]["unmatched_days"] == ["2018-03-29", "2019-03-31"]


def test_incidents_answer_by_weapon_and_published_counts_do_not(days, counts):
    assert answer(days, "--period", "2019-03", "--by", "weapon")["rows"][0]["group"] == "knife"
    code, printed = run(counts, "--period", "2020-04", "--by", "weapon")
    assert (code, "do not state the weapon" in printed) == (5, True)


def test_two_sources_are_never_mixed(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path / "w")])
    for source, factor in (("mps_borough", 1), ("another", 2)):
        rows = pa.Table.from_pylist(published(source, factor), schema=PUBLISHED_COUNTS.to_pyarrow())
        keep(tmp_path / "w", "published_counts", rows, source)
    code, printed = run(tmp_path / "w", "--period", "2020-04")
    assert code == 2
    assert "--source another" in printed
    assert "--source mps_borough" in printed
    assert answer(tmp_path / "w", "--period", "2020-04", "--source", "mps_borough")["total"]["old"] == 4716


def test_an_earlier_edition_is_answered_from_as_it_was(tmp_path):
    workspace = tmp_path / "w"
    CliRunner().invoke(app, ["init", str(workspace)])
    for as_of, factor in ((date(2020, 6, 8), 1), (date(2020, 9, 1), 2)):
        edition = [{**row, "as_of": as_of} for row in published("mps_borough", factor)]
        rows = pa.Table.from_pylist(edition, schema=PUBLISHED_COUNTS.to_pyarrow())
        keep(workspace, "published_counts", rows, "mps_borough", as_of=as_of)
    now, then = (
        answer(workspace, "--period", "2020-04", *words) for words in ((), ("--as-of", "2020-07-01"))
    )
    assert (now["total"]["old"], now["as_of"]) == (9432, "2020-09-01")
    assert (then["total"]["old"], then["as_of"]) == (4716, "2020-06-08")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--period", "2020-4"], 2, "Did you mean '2020-04'"),
        (["--period", "2020-04", "--baseline", "2020-04"], 2, "shares days"),
        (["--period", "2020-04", "--level", "95"], 2, "give 0.95 for 95 %"),
        (["--period", "2020-04", "--offence-group", "robery"], 2, "Did you mean 'robbery'"),
        (["--period", "2020-04", "--source", "nobody"], 2, "--source mps_borough"),
        (["--period", "last 6 weeks"], 5, "records only the month"),
        (["--period", "2020-W14..2020-W19"], 5, "Ask for whole months"),
        (["--period", "2020-04", "--align", "holidays"], 5, "Leave out --align"),
        (["--period", "2021-04"], 5, "run from 2017-01-01 to 2020-05-31"),
        (["--period", "2020-04", "--baseline", "2016"], 5, "not covered"),
        (["--period", "2020-04", "--as-of", "2019-01-01"], 5, "holds no incidents or published counts"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason_and_a_code(counts, words, code, said):
    ended, printed = run(counts, *words)
    assert said in printed
    assert ended == code


def victims(kind: str, group: str, count: int) -> list[dict[str, object]]:
    """Counts of people in two boroughs; the kinds overlap."""
    return [
        {
            **row,
            "source": "mps_knife",
            "measure": "victims",
            "offence": kind,
            "offence_group": group,
            "count": count,
        }
        for row in published("mps_knife")
        if row["offence_group"] == "robbery"
    ]


def test_people_are_counted_once_and_not_called_offences(tmp_path):
    workspace = tmp_path / "w"
    CliRunner().invoke(app, ["init", str(workspace)])
    rows = [
        *victims("All", "knife_injury_victims_1_to_24", 90),
        *victims("Not domestic", "knife_injury_victims_1_to_24_not_domestic", 80),
    ]
    keep(
        workspace,
        "published_counts",
        pa.Table.from_pylist(rows, schema=PUBLISHED_COUNTS.to_pyarrow()),
        "mps_knife",
    )
    words = ["--period", "2020-04", "--counted", "victims"]
    found = answer(workspace, *words)
    assert (found["total"], found["counted"]) == (None, "victims")
    assert [row["new"] for row in found["rows"]] == [180, 160]
    assert "Recorded offences" not in run(workspace, *words)[1]
    code, printed = run(workspace, *words, "--by", "borough")
    assert code == 5
    assert "would count some people twice" in " ".join(printed.split())
    one = answer(workspace, *words, "--by", "borough", "--offence-group", "knife_injury_victims_1_to_24")
    assert one["total"]["new"] == 180


def test_records_later_than_their_as_of_date_are_refused(tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path / "w")])
    rows = [{**row, "as_of": date(2020, 4, 20)} for row in published("mps_borough")]
    table = pa.Table.from_pylist(rows, schema=PUBLISHED_COUNTS.to_pyarrow())
    keep(tmp_path / "w", "published_counts", table, "mps_borough", as_of=date(2020, 4, 20))
    code, printed = run(tmp_path / "w", "--period", "2020-03")
    assert code == 5
    assert "holds records of 2020-05, later than their as-of date 2020-04-20" in " ".join(printed.split())
