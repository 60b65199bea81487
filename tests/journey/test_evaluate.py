"""From a trial's draw to its report, as the analyst runs it; what is refused, late, amended or repeated."""

from __future__ import annotations

import csv
import json
import random
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import town
from published_counts import keep
from town import becalm
from watched import drawn_incidents

FIRST, DAYS = date(2019, 10, 7), 28
STREET = ("Robbery of personal property", "Violence with injury", "Violence without injury")
PROTOCOL = """
question = "Did burst patrols lower street violence at the places that had them?"
design = "{design}"
change_our_mind = "An interval that holds no fall at all."
[outcome]
offence_groups = ["robbery", "violence_with_injury", "violence_without_injury"]
[places]
radius_m = 105.0
{places}
[windows]
before = "{before}"
after = "2019-10-07..2019-11-03"
[trial]
{trial}
[analysis]
smallest_effect = 0.16
multiplicity = "One outcome and one test, so nothing is corrected."
stopping = "Read once, when the last day is complete."
draws = 300
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town with a drawn trial and a protocol that was registered before its days; then the days come."""
    folder = tmp_path_factory.mktemp("study")
    size = ("--size", "town", "--seed", 5, "--months", "2018-10:2019-12", "--incidents", 60_000)
    becalm("simulate", *size, "--out", folder / "town")
    becalm("init", folder / "w", "--city", folder / "town" / "city.toml")
    records = write_records(folder, until=date(2019, 10, 1))
    becalm("ingest", records, "--workspace", folder / "w", "--as-of", "2019-10-01")
    drawn = ("--from", FIRST, "--days", DAYS, "--count", 24, "-t", "robbery", "-t", "violence_with_injury")
    with pytest.MonkeyPatch.context() as patch:  # of sealed draws one in twenty misses the truth
        patch.setattr("secrets.token_bytes", random.Random(11).randbytes)
        said = becalm("patrol", "trial", "-w", folder / "w", *drawn, "--out", folder / "trial").output
    assert "becalm evaluate power" in said
    write_protocol(folder / "trial.toml")
    assert "Registered (entry" in evaluate(folder, "register", folder / "trial.toml")
    write_visits(folder)
    records = write_records(folder, until=date(2020, 1, 1), effect=0.5)
    becalm("ingest", records, "--workspace", folder / "w", "--as-of", "2020-01-15")
    return folder


def evaluate(folder: Path, *words: object, code: int = 0) -> str:
    return becalm("evaluate", *words, "--workspace", folder / "w", code=code).output


def write_protocol(path: Path, **parts: str) -> Path:
    usual = {
        "design": "trial",
        "places": "ring_m = 100.0",
        "before": "2018-10-01..2019-09-30",
        "trial": 'folder = "trial"\nvisits = ["visits.csv"]',
    }
    path.write_text(PROTOCOL.format(**{**usual, **parts}), "utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_records(folder: Path, *, until: date, effect: float = 0.0) -> Path:
    """The town's extract up to a day; on patrolled days of the trial so large a share never happened."""
    chance = random.Random(7)
    rows = [
        r for r in read_rows(folder / "town" / "extract" / "incidents.csv") if r["occurred_from"] < str(until)
    ]
    if effect:
        arms = {(r["hotspot"], r["day"]): r["arm"] for r in read_rows(folder / "trial" / "arms.csv")}
        places = read_rows(folder / "trial" / "places.csv")
        rows = [r for r in rows if chance.random() >= effect * share_of_patrol(r, arms, places)]
    path = folder / f"records-{until}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def share_of_patrol(
    row: dict[str, str], arms: dict[tuple[str, str], str], places: list[dict[str, str]]
) -> float:
    """1 on a day of most patrols at a trial's place, 0 elsewhere."""
    day = row["occurred_from"][:10]
    if row["offence"] not in STREET or not row["easting"] or (places[0]["hotspot"], day) not in arms:
        return 0.0
    x, y = float(row["easting"]), float(row["northing"])
    gap, name = min(
        ((x - float(p["easting_m"])) ** 2 + (y - float(p["northing_m"])) ** 2, p["hotspot"]) for p in places
    )
    return {"off": 0.0, "low": 0.5, "high": 1.0}[arms[name, day]] if gap <= 105.0**2 else 0.0


def write_visits(folder: Path) -> None:
    """What `becalm patrol delivered --out` writes: four visits a day in the strongest arm, then two."""
    lines = ["unit,hotspot,start,end,minutes,officers,officer_minutes,source,accuracy_m"]
    for row in read_rows(folder / "trial" / "arms.csv"):
        for number in range({"off": 0, "low": 2, "high": 4}[row["arm"]]):
            start = datetime.fromisoformat(row["day"]) + timedelta(hours=10 + number)
            end = start + timedelta(minutes=15)
            lines.append(f"U1,{row['hotspot']},{start.isoformat()}Z,{end.isoformat()}Z,15.0,2,30.0,trace,5.0")
    (folder / "visits.csv").write_text("\n".join([*lines, ""]), "utf-8")


def test_a_trial_goes_from_its_draw_to_a_report_that_is_made_again_byte_for_byte(study: Path) -> None:
    said = json.loads(
        evaluate(study, "run", study / "trial.toml", "--out", study / "report", "--format", "json")
    )
    assert said["protocol"]["state"] == "registered"
    assert {e["name"] for e in said["displacement"]} <= {"rings"}
    ratio = said["estimates"][0]
    assert (ratio["name"], ratio["scale"]) == ("places", "ratio")
    assert ratio["low"] < 0.5 < ratio["high"]
    assert {e["scale"] for e in said["estimates"]} == {"ratio", "difference", "per 100 officer-hours"}
    assert all(check["holds"] for check in said["checks"])
    page = (study / "report" / "index.html").read_text("utf-8")
    assert "<script" not in page
    assert "Officer-hours delivered" in page
    again = evaluate(study, "run", "--again", study / "report" / "run.json")
    assert "Byte for byte the same as the original: finding.json, index.html, run.json." in again


def test_a_public_report_says_that_it_is_one_and_is_made_again_too(study: Path) -> None:
    evaluate(study, "run", study / "trial.toml", "--public", "--out", study / "public")
    page = (study / "public" / "index.html").read_text("utf-8")
    assert "for the public" in page
    assert "Byte for byte" in evaluate(study, "run", "--again", study / "public" / "run.json")


def test_a_run_is_not_made_again_from_files_that_changed(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    evaluate(copy, "run", copy / "trial.toml", "--out", copy / "mine")
    report = copy / "mine" / "finding.json"
    report.write_text(report.read_text("utf-8").replace('"holds": true', '"holds": false'), "utf-8")
    assert "finding.json in" in evaluate(copy, "run", "--again", copy / "mine" / "run.json", code=8)
    (copy / "visits.csv").write_text(
        (study / "visits.csv").read_text("utf-8").replace("30.0", "31.0"), "utf-8"
    )
    said = evaluate(copy, "run", "--again", copy / "mine" / "run.json", code=8)
    assert "no longer what" in said


def test_a_design_is_looked_at_before_its_outcome(study: Path) -> None:
    said = evaluate(study, "design", study / "trial.toml", "--out", study / "design.html")
    assert "Nothing from the start on was read." in said
    assert "Months without whole records: none" in said
    assert "Who is treated when?" in (study / "design.html").read_text("utf-8")


def test_arms_that_are_not_those_of_the_ledger_are_a_fault_with_all_the_others(study: Path) -> None:
    shutil.copytree(study / "trial", study / "altered")
    arms = study / "altered" / "arms.csv"
    arms.write_text(arms.read_text("utf-8").replace(",off,", ",high,", 1), "utf-8")
    path = write_protocol(study / "bad.toml", trial='folder = "altered"')
    path.write_text(
        path.read_text("utf-8").replace("robbery", "robery").replace("Read once", "Once"), "utf-8"
    )
    path.write_text(path.read_text("utf-8").replace("Once, when the last day is complete.", "Later"), "utf-8")
    before = evaluate(study, "protocols", "--format", "json")
    said = " ".join(evaluate(study, "register", path, code=4).split())
    assert "3 faults" in said
    assert "'robery' is no offence group -> Did you mean 'robbery'?" in said
    assert "is no stopping rule" in said
    assert "is not what a draw in this workspace's ledger gave" in said
    assert evaluate(study, "protocols", "--format", "json") == before


def test_one_protocol_is_registered_one_late_and_one_amended(study: Path) -> None:
    late = write_protocol(study / "late.toml", before="2018-11-01..2019-09-30")
    assert "Registered late" in evaluate(study, "register", late)
    changed = write_protocol(study / "changed.toml", before="2018-12-01..2019-09-30")
    sha256 = json.loads(evaluate(study, "protocols", "--format", "json"))["protocols"][-1]["sha256"]
    reason = ("--replaces", sha256[:16], "--reason", "The first months were not whole.")
    evaluate(study, "amend", changed, *reason)
    states = [p["state"] for p in json.loads(evaluate(study, "protocols", "--format", "json"))["protocols"]]
    assert states == ["registered", "registered late", "registered late"]
    said = evaluate(study, "run", changed)
    assert "after the outcome was on record" in " ".join(said.split())
    assert "Another protocol for the same days" in said
    loose = write_protocol(study / "loose.toml", before="2019-01-01..2019-09-30")
    assert "is not the one that was registered" in " ".join(evaluate(study, "run", loose).split())


def test_our_own_hotspots_before_and_after_are_refused_beside_the_fall_by_luck(
    study: Path,
) -> None:
    places = read_rows(study / "trial" / "places.csv")
    lines = ["place,easting_m,northing_m,arm"]
    for number, place in enumerate(places):
        arm, apart = ("treated", 0) if number < 12 else ("control", 20_000)
        lines.append(f"{place['hotspot']},{float(place['easting_m']) + apart},{place['northing_m']},{arm}")
    (study / "places.csv").write_text("\n".join([*lines, ""]), "utf-8")
    path = write_protocol(
        study / "naive.toml",
        design="difference",
        places='file = "places.csv"\nchosen_on = "2018-10-01..2019-09-30"',
        trial="",
    )
    said = " ".join(evaluate(study, "run", path, code=5).split())
    assert "before and after of places that were chosen for their counts before" in said
    assert "with nothing done: this says nothing." in said


def test_power_is_asked_of_a_trial_by_its_own_law(study: Path) -> None:
    said = json.loads(
        evaluate(study, "power", study / "trial", "--runs", 100, "--effect", 0.5, "--format", "json")
    )
    stated = json.loads((study / "trial" / "trial.json").read_text("utf-8"))["power"]
    assert said["places"] == 24
    assert said["power_at_no_effect"]["low"] < 0.05 < said["power_at_no_effect"]["high"] + 0.02
    assert said["expected_events"] == pytest.approx(3 * stated["expected_control"], rel=0.01)


def test_what_else_explains_a_fall_is_a_range(study: Path) -> None:
    (study / "mobility.csv").write_text("month,share\n2019-12,0.8\n", "utf-8")
    said = json.loads(
        evaluate(
            study,
            *("anyway", "2019-12..2019-12", "--group", "robbery", "--control", "burglary"),
            *("--mobility", study / "mobility.csv", "--format", "json"),
        )
    )
    assert [r["name"] for r in said["reasons"]][-1] == "both together"
    assert said["left"]["low"] < said["left"]["high"]
    assert "value" not in said["left"]
    (study / "mobility.csv").write_text("month,share\n2019-13,0.8\n2019-12,-1\n", "utf-8")
    words = ("anyway", "2019-12..2019-12", "--group", "robbery", "--mobility", study / "mobility.csv")
    assert "2 faults" in evaluate(study, *words, code=4)


def test_the_briefing_adds_evaluations_that_are_due(study: Path) -> None:
    town.without_patrols(study / "w")
    folder = study / "w" / "protocols"
    folder.mkdir()
    shutil.copytree(study / "trial", folder / "trial")
    shutil.copy(study / "visits.csv", folder / "visits.csv")
    shutil.copy(study / "trial.toml", folder / "trial.toml")
    becalm("run", "--workspace", study / "w", "--period", "2019-12", "--out", study / "briefing")
    page = (study / "briefing" / "index.html").read_text("utf-8")
    assert "Evaluations that are due" in page
    assert "Did burst patrols lower street violence" in page
    said = becalm("run", "--workspace", study / "w", "--again", study / "briefing" / "run.json", "--out",
                  study / "second").output  # fmt: skip
    assert "Byte for byte" in said


def test_an_answer_once_given_is_not_made_anew_each_week(study: Path) -> None:
    """It runs after the briefing of the test before: its report is in the workspace by now."""
    (report,) = (study / "w" / "evaluations").iterdir()
    runs = len(list_runs(study))
    becalm("run", "--workspace", study / "w", "--period", "2019-12", "--out", study / "next-week")
    assert "Did burst patrols lower" in (study / "next-week" / "index.html").read_text("utf-8")
    assert len(list_runs(study)) == runs
    finding = report / "finding.json"
    finding.write_text(finding.read_text("utf-8").replace("reduced", "raised"), "utf-8")
    becalm("run", "--workspace", study / "w", "--period", "2019-12", "--out", study / "week-after")
    assert len(list_runs(study)) == runs + 1  # a report that somebody altered is made again
    assert "raised" not in finding.read_text("utf-8")


def list_runs(study: Path) -> list[object]:
    words = ("record", "events", "--kind", "evaluation_run", "--workspace", study / "w", "--format", "json")
    return json.loads(becalm(*words).output)


def test_a_month_that_has_begun_is_not_yet_the_outcome(tmp_path: Path) -> None:
    """The records end on 27 December: a protocol whose days begin on the 28th is in time."""
    becalm("init", tmp_path / "w")
    keep(tmp_path / "w", "incidents", drawn_incidents(), "drawn", as_of=date(2020, 12, 28))
    places = [
        "place,easting_m,northing_m,arm",
        *(f"p{n},{520_000 + 900 * n},180000,{'treated' if n < 6 else 'control'}" for n in range(12)),
    ]
    (tmp_path / "places.csv").write_text("\n".join([*places, ""]), "utf-8")
    for first_day, state in (("2020-12-28", "Registered (entry"), ("2020-12-27", "Registered late (entry")):
        text = PROTOCOL.format(
            design="displacement", places='file = "places.csv"', before="2019-01-01..2019-12-31", trial=""
        )
        text = text.replace("2019-10-07..2019-11-03", f"{first_day}..2021-01-31")
        text = text.replace(', "violence_with_injury", "violence_without_injury"', "").replace("[trial]", "")
        (tmp_path / "p.toml").write_text(text, "utf-8")
        assert state in evaluate(tmp_path, "register", tmp_path / "p.toml")
