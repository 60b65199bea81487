"""The arithmetic, what was delivered, and a trial, as their user runs them."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import patrol_town
import pytest
import town
from town import becalm

WHAT = ("--from", patrol_town.FROM, "--days", 2, "--count", 12)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patrol-inputs")
    return patrol_town.workspace_of(town.simulate(folder / "town"), folder / "ws")


@pytest.fixture(scope="module")
def plan(workspace: Path) -> Path:
    patrol_town.plan(workspace, workspace / "plan")
    return workspace / "plan"


def test_the_arithmetic_adds_up_over_the_areas(workspace: Path) -> None:
    told = json.loads(becalm("patrol", "capacity", "-w", workspace, *WHAT, "--format", "json").stdout)
    assert told["wanted_per_day"] == pytest.approx(sum(a["wanted_per_day"] for a in told["areas"]))
    assert told["possible_low"] <= told["possible_per_day"] <= told["possible_high"]
    assert sum(a["places"] for a in told["areas"]) == 12
    rows = list(
        csv.DictReader(becalm("patrol", "capacity", "-w", workspace, *WHAT, "-f", "csv").stdout.splitlines())
    )
    assert [row["area"] for row in rows] == [a["area"] for a in told["areas"]]
    table = becalm("patrol", "capacity", "-w", workspace, *WHAT).stdout
    assert "Bursts a day: about" in table
    assert "Travel over streets.graphml" in table


def test_faults_of_all_files_are_told_at_once_and_nothing_is_planned(workspace: Path, tmp_path: Path) -> None:
    for name in ("units.toml", "policy.toml", "hotspots.geojson", "arms.csv"):
        (tmp_path / name).write_text("nonsense", "utf-8")
    files = ("--units", tmp_path / "units.toml", "--policy", tmp_path / "policy.toml")
    more = ("--hotspots", tmp_path / "hotspots.geojson", "--arms", tmp_path / "arms.csv")
    told = becalm(
        "patrol", "plan", "-w", workspace, *WHAT, *files, *more, "--out", tmp_path / "plan", code=4
    ).output
    assert all(name in told for name in ("units.toml", "policy.toml", "hotspots.geojson", "arms.csv"))
    assert not (tmp_path / "plan").exists()


def test_a_table_that_breaks_the_triangle_is_refused_or_closed(
    workspace: Path, plan: Path, tmp_path: Path
) -> None:
    held = json.loads((plan / "plan.json").read_text("utf-8"))
    stops = [*(p["hotspot"] for p in held["places"]), *(b["base"] for b in held["bases"])]
    lines = [f"{a},{b},{60 if (a, b) == (stops[0], stops[1]) else 5}" for a in stops for b in stops if a != b]
    path = tmp_path / "ways.csv"
    path.write_text("\n".join(["from,to,minutes", *lines, ""]), "utf-8")
    what = ("patrol", "capacity", "-w", workspace, *WHAT, "--travel", path)
    told = becalm(*what, code=12).output
    assert f"{stops[0]} to {stops[1]}" in told
    assert "--close-triangles" in told
    assert "Shortened:" in becalm(*what, "--close-triangles").stdout


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def visits_of(plan: Path) -> list[dict[str, str]]:
    return read_rows(plan / "visits.csv")


def write_fixes(plan: Path, to: Path) -> int:
    """Two officers stand at every second planned visit, from start to end."""
    places = {p["hotspot"]: p for p in json.loads((plan / "plan.json").read_text("utf-8"))["places"]}
    rng = np.random.default_rng(1)
    kept = visits_of(plan)[::2]
    with to.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["officer", "unit", "at", "easting_m", "northing_m", "accuracy_m"])
        for visit in kept:
            here, start = places[visit["hotspot"]], datetime.fromisoformat(visit["start"])
            for second in range(0, int(visit["minutes"]) * 60 + 1, 10):
                at = (start + timedelta(seconds=second)).isoformat()
                for officer in "ab":
                    east, north = rng.normal((here["easting_m"], here["northing_m"]), 10)
                    name = f"{visit['unit']}{officer}"
                    rows.writerow([name, visit["unit"], at, f"{east:.1f}", f"{north:.1f}", 8])
    return len(kept)


def test_what_was_delivered_is_told_and_no_position_is_kept(
    workspace: Path, plan: Path, tmp_path: Path
) -> None:
    kept = write_fixes(plan, tmp_path / "fixes.csv")
    what = ("patrol", "delivered", plan, "-w", workspace, "--traces", tmp_path / "fixes.csv")
    told = json.loads(becalm(*what, "-f", "json", "--out", tmp_path / "visits.csv").stdout)
    totals = told["totals"]
    assert totals["planned_visits"] == len(visits_of(plan))
    assert totals["delivered_visits"] == kept
    assert totals["officer_minutes"] == pytest.approx(2 * totals["patrol_minutes"], rel=0.02)
    assert totals["background_minutes"] == pytest.approx(0, abs=1)
    held = (tmp_path / "visits.csv").read_text("utf-8")
    assert "easting" not in held
    assert len(held.splitlines()) == kept + 1
    new = {p.name for p in workspace.rglob("*") if p.is_file() and "fixes" in p.name}
    assert not new
    assert "Delivered:" in becalm(*what).stdout


def test_check_ins_alone_are_not_told_as_nothing_delivered(
    workspace: Path, plan: Path, tmp_path: Path
) -> None:
    made = visits_of(plan)
    lines = [",".join(visit[name] for name in ("unit", "hotspot", "start", "end")) for visit in made]
    words = tmp_path / "words.csv"
    words.write_text("\n".join(["unit,hotspot,start,end", *lines, lines[0], ""]), "utf-8")
    told = becalm("patrol", "delivered", plan, "-w", workspace, "--check-ins", words).stdout
    assert f"Checked in: {len(made):,} visits" in told
    assert "1 check-in is in the files twice: counted once." in told
    assert "Delivered:" not in told


def test_a_backup_says_that_the_seeds_are_not_in_it(workspace: Path, plan: Path, tmp_path: Path) -> None:
    assert (workspace / "patrol" / "sealed").is_dir()
    told = becalm("record", "backup", "-w", workspace, "--out", tmp_path / "copy.sqlite").stdout
    assert f"NOT in the copy: {workspace / 'patrol' / 'sealed'}" in told
    assert "cp -a" in told


def test_faults_of_traces_and_check_ins_are_told_together(
    workspace: Path, plan: Path, tmp_path: Path
) -> None:
    (tmp_path / "fixes.csv").write_text("officer,at,lat\na,now,1\n", "utf-8")
    (tmp_path / "words.csv").write_text("unit,hotspot,start,end\nA,nowhere,1,2\n", "utf-8")
    files = ("--traces", tmp_path / "fixes.csv", "--check-ins", tmp_path / "words.csv")
    told = becalm("patrol", "delivered", plan, "-w", workspace, *files, code=4).output
    assert "fixes.csv" in told
    assert "'nowhere' is not a hotspot of the plan" in told
    becalm("patrol", "delivered", plan, "-w", workspace, code=2)


def test_a_trial_is_stated_drawn_recorded_and_planned_with(workspace: Path, tmp_path: Path) -> None:
    days = ("--from", "2020-06-01", "--days", 56, "--count", 12)
    stated = json.loads(becalm("patrol", "trial", "-w", workspace, *days, "-f", "json").stdout)
    assert 0 < stated["power"] < 1
    assert stated["folder"] is None
    told = becalm("patrol", "trial", "-w", workspace, *days, "--out", tmp_path / "trial").stdout
    assert "of the ledger" in told
    rows = read_rows(tmp_path / "trial" / "arms.csv")
    assert len(rows) == 12 * 56
    becalm("patrol", "trial", "-w", workspace, *days, "--out", tmp_path / "trial", code=2)
    sheet = json.loads((tmp_path / "trial" / "trial.json").read_text("utf-8"))
    events = json.loads(becalm("record", "events", "-w", workspace, "-f", "json").stdout)
    assert sheet["commitment"] in json.dumps(events)
    one = rows[0]
    asked = ("--hotspot", one["hotspot"], "--on", one["day"], "--gave", "high", "--decided-by", "Inspector A")
    override = ("patrol", "override", tmp_path / "trial", "-w", workspace, *asked)
    assert "in a sentence" in becalm(*override, "--reason", "unrest", code=12).output
    told = becalm(*override, "--reason", "A stabbing the night before.").output
    assert f"stays in arm {one['arm']}" in told
    assert "Overrides so far: 1 (0.1%)" in told
    short = ("--from", "2020-06-01", "--days", 2, "--count", 12, "--arms", tmp_path / "trial" / "arms.csv")
    becalm("patrol", "plan", "-w", workspace, *short, "--out", tmp_path / "plan")
    off = {(r["hotspot"], r["day"]) for r in rows if r["arm"] == "off"}
    assert not {(v["hotspot"], v["day"]) for v in visits_of(tmp_path / "plan") if v["arm"] == "off"}
    assert off
    stray = ("--from", "2021-01-01", *short[2:], "--old-records-reason", "to see what is said")
    told = becalm("patrol", "plan", "-w", workspace, *stray, "--out", tmp_path / "none", code=12).output
    assert "none of its 672 place-days" in told
