"""One week of the rehearsed year: becalm's commands as a force would call them, then what crews deliver.

Nothing here looks at the truth: what is done follows from becalm's outputs alone. What it said is kept as
notes (plain data), which `judge` sets beside the truth.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from becalm.rehearse import delivery, duty, records, truth
from becalm.rehearse.laws import VisitLog, join_logs
from becalm.rehearse.runner import Office
from becalm.rehearse.world import FIRST_MONDAY, Course, World, live_week

PLAN_WEEKS: Final = 2
LEAST_TRIAL_WEEKS: Final = 4
REPLAY_EVERY: Final = 4  # weeks
BEGIN_OF_WORK: Final = time(6, 0)
STEP_DAY: Final = date(2020, 3, 23)
STEP_DECLARED_WEEKS_LATER: Final = 5
Note = dict[str, Any]


@dataclass(slots=True)
class Year:
    """A year that is being lived: the world, the office, where files go, and what has been done so far."""

    world: World
    office: Office
    folder: Path
    course: Course
    potential: Course  # what would happen without any patrol
    log: VisitLog
    unused_log: VisitLog  # of plans that another planner took the place of
    last_visit: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def trial_weeks(self) -> int:
        """For how many weeks the year begins with a trial: half of it, in whole plans."""
        return max(LEAST_TRIAL_WEEKS, self.world.weeks // 2 // PLAN_WEEKS * PLAN_WEEKS)

    def week_folder(self, week: int) -> Path:
        """Where the files of a week are."""
        return self.folder / "weeks" / f"{week:02d}"

    def plan_folder(self, week: int) -> Path:
        """The plan that holds in this week."""
        first_week = week - week % PLAN_WEEKS
        if first_week < self.trial_weeks:
            return self.folder / "plans" / f"{first_week:02d}"
        first_day = FIRST_MONDAY + timedelta(weeks=first_week, days=1)
        return self.office.workspace / "patrol" / f"plan-{first_day}"

    @property
    def trial_folder(self) -> Path:
        """Where the arms of the trial are."""
        return self.folder / "trial"

    @property
    def protocol_path(self) -> Path:
        """The protocol of the trial."""
        return self.folder / "protocol.toml"


def begin_year(year: Year, city: Path) -> None:
    """Make the workspace, load the past, draw the trial and register its protocol."""
    office, world = year.office, year.world
    office.begin(_instant(FIRST_MONDAY) - timedelta(hours=2))
    office.call("init", "--city", city / "city.toml", "--boundaries", city / "boundaries.geojson")
    extract = records.write_extract(
        world,
        year.course,
        year.folder / "first" / "incidents.parquet",
        day=FIRST_MONDAY,
        is_whole=True,
        is_of_whole_months=True,  # else a protocol that is registered now would come after its first month
    )
    office.call("ingest", "load", year.folder / "first", "--as-of", FIRST_MONDAY)
    first_day = FIRST_MONDAY + timedelta(days=1)
    days = 7 * year.trial_weeks
    office.call(
        "patrol", "trial", "--from", first_day, "--days", days, "--count", world.scale.place_count,
        "--out", year.trial_folder,
    )  # fmt: skip
    year.protocol_path.write_text(_protocol_text(year, first_day, days), "utf-8")
    office.call("evaluate", "register", year.protocol_path)
    year.notes.append({"kind": "begin", "records": extract})


def _protocol_text(year: Year, first_day: date, days: int) -> str:
    last_day = first_day + timedelta(days=days - 1)
    before = first_day - timedelta(days=365)
    return PROTOCOL.format(
        before=f"{before}..{first_day - timedelta(days=1)}",
        after=f"{first_day}..{last_day}",
        folder=year.trial_folder.name,
        plans=json.dumps([f"plans/{week:02d}" for week in range(0, year.trial_weeks, PLAN_WEEKS)]),
        visits=json.dumps([f"weeks/{week:02d}/visits.csv" for week in range(year.trial_weeks)]),
    )


def live(year: Year, week: int) -> list[Note]:
    """Work this week, deliver it, and let the city answer; what becalm said in it."""
    world, office = year.world, year.office
    first_note = len(year.notes)
    monday = world.monday(week)
    office.begin(_instant(monday))
    _load_records(year, week, monday)
    if week % duty.ROSTER_EVERY == 0:
        year.notes.append({"kind": "roster", "week": week, **_make_roster(year, week, monday)})
    if week % PLAN_WEEKS == 0 and week < year.trial_weeks:
        first_day = monday + timedelta(days=1)
        office.call(
            "patrol", "plan", "--from", first_day, "--days", 7 * PLAN_WEEKS,
            "--count", world.scale.place_count, "--arms", year.trial_folder / "arms.csv",
            "--out", year.plan_folder(week),
        )  # fmt: skip
    _brief(year, week, monday)
    if world.scenario.force.tampering_week == week + 1:
        _live_with_insider(year, week)
    _check_ledger(year, week)
    _deliver(year, week)
    return year.notes[first_note:]


def _load_records(year: Year, week: int, monday: date) -> None:
    """Load what arrived since last Monday: records, visits, arrests; say what was delivered."""
    office, folder = year.office, year.week_folder(week)
    records.write_extract(year.world, year.course, folder / "incidents.parquet", day=monday)
    office.call("ingest", "load", folder / "incidents.parquet", "--as-of", monday, "--replace")
    if week > 1:
        close_week(year, week - 2)  # the last one ends tonight
    if monday >= STEP_DAY + timedelta(weeks=STEP_DECLARED_WEEKS_LATER) and not _is_step_declared(year):
        office.call(
            "sustain", "step", "add", "--from", STEP_DAY, "--kind", "lockdown",
            "--reason", "people were told to stay at home",
        )  # fmt: skip
        year.notes.append({"kind": "step", "week": week})


def close_week(year: Year, week: int) -> None:
    """Say what was delivered in this week, and bring its arrests into the ledger."""
    office, folder = year.office, year.week_folder(week)
    first_day = year.world.monday(week) + timedelta(days=1)
    if _has_plan(year, week):
        answer = office.call(
            "patrol", "delivered", year.plan_folder(week), "--check-ins", folder / "check-ins.csv",
            "--from", first_day, "--days", 7, "--out", folder / "visits.csv", actor="duty sergeant",
        )  # fmt: skip
        visit_count = answer.data["totals"]["check_in_visits"]
        year.notes.append({"kind": "delivered", "week": week, "visits": visit_count})
    arrests = folder / "arrests.csv"
    if len(arrests.read_text("utf-8").splitlines()) > 1:
        office.call("record", "import", arrests, "--kind", "arrest", actor="records clerk")
    answer = office.call(
        "record", "arrests", "--since", first_day, "--until", first_day + timedelta(days=6), "--open"
    )
    year.notes.append({"kind": "arrests", "week": week, **_arrest_counts(answer.data)})


def _has_plan(year: Year, week: int) -> bool:
    """Whether patrols are planned for this week: none are where the records end too long before."""
    return (year.plan_folder(week) / "visits.csv").is_file()


def _arrest_counts(answer: Note) -> Note:
    return {"count": answer["arrests"], "opened": len(answer["entries"])}


def _make_roster(year: Year, week: int, monday: date) -> Note:
    """The duty office's own workspace: patrols of the year go by the units of the city."""
    folder, city = year.week_folder(week) / "duty", year.folder.parent / "city"
    office = Office(year.office.run_command, folder / "workspace", year.office.seed)
    office.begin(_instant(monday))
    office.call("init", "--city", city / "city.toml", "--boundaries", city / "boundaries.geojson")
    return duty.make_roster(year.world, office, folder, week)


def _is_step_declared(year: Year) -> bool:
    return any(note["kind"] == "step" for note in year.notes)


def _brief(year: Year, week: int, monday: date) -> None:
    """Write the week's briefing, keep what it says, and now and then make it again."""
    office, world = year.office, year.world
    answer = office.call("run", "--count", world.scale.place_count, "--seed", week + 1, may_fail=False)
    briefing = office.workspace / "briefing"
    run = json.loads((briefing / "run.json").read_text("utf-8"))
    note: Note = {
        "kind": "briefing",
        "week": week,
        "day": monday.isoformat(),
        "period": run["parameters"]["period"],
        "warnings": answer.data["warnings"],
        "changes": _changes(briefing / "comparison.csv"),
        "places": _places(briefing / "hotspots.geojson"),
        "alarms": _alarms(briefing / "watch.csv"),
        "plan": run["parameters"]["patrol"],
        "plan_note": run["parameters"]["patrol_note"],
    }
    year.notes.append(note)
    if week % REPLAY_EVERY == REPLAY_EVERY - 1 or week == world.weeks - 1:
        again = office.call(
            "run", "--again", briefing / "run.json", "--out", year.folder / "again", may_fail=True
        )
        files = again.data["files"] if again.exit_code == 0 else []
        is_equal = bool(files) and all(file["equal"] for file in files)
        year.notes.append({"kind": "replay", "week": week, "equal": is_equal, "why": again.message.strip()})


def _changes(path: Path) -> list[Note]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: row[name] for name in ("group", "baseline", "new", "old", "ratio", "low", "high", "found_by")}
        for row in rows
    ]


def _places(path: Path) -> list[Note]:
    if not path.is_file():
        return []
    features = json.loads(path.read_text("utf-8"))["features"]
    return [{"place": f["properties"]["place_id"], "p_top": f["properties"]["p_top"]} for f in features]


def _alarms(path: Path) -> list[Note]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: row[name] for name in ("borough", "offence_group", "state", "since")} for row in rows]


def _check_ledger(year: Year, week: int) -> None:
    """Ask whether the ledger holds, then send its head outside."""
    answer = year.office.call("record", "verify", actor="auditor", may_fail=True)
    year.notes.append(
        {"kind": "ledger", "week": week, "exit_code": answer.exit_code, "why": answer.message.strip()[:300]}
    )
    if answer.exit_code == 0:
        year.office.call("record", "checkpoint", actor="records clerk")


def _live_with_insider(year: Year, week: int) -> None:
    """Somebody alters the ledger in the night; it is checked, and put back from a backup."""
    ledger = year.office.workspace / "ledger.sqlite"
    backup = year.folder / "backup.sqlite"
    _copy_ledger(ledger, backup)
    _tamper(ledger)
    answer = year.office.call("record", "verify", actor="auditor", may_fail=True)
    year.notes.append({"kind": "tampered", "week": week, "exit_code": answer.exit_code})
    _copy_ledger(backup, ledger)


def _deliver(year: Year, week: int) -> None:
    """Crews go where the plan sends them, as far as they can; the city answers."""
    world = year.world
    plan_path = year.plan_folder(week) / "visits.csv"
    planned_visits = delivery.read_visits(plan_path, *world.week_days(week)) if _has_plan(year, week) else []
    if not planned_visits:
        year.notes.append({"kind": "no plan", "week": week})
    if world.scenario.force.planner == "most_overdue":
        year.notes.append({"kind": "spared", "week": week, **_compare_planners(year, week, planned_visits)})
        planned_visits = delivery.replace_by_most_overdue(planned_visits, year.last_visit)
    delivered_visits = delivery.deliver(world, week, planned_visits)
    visits = delivery.visit_log(delivered_visits)
    records.write_check_ins(year.week_folder(week) / "check-ins.csv", delivered_visits)
    answer_city(year, week, visits)


def answer_city(year: Year, week: int, visits: VisitLog) -> None:
    """What the city makes of these visits, and the arrests that come of it."""
    year.course = live_week(year.world, year.course, week, visits, year.log)
    dedicated, count = records.write_arrests(
        year.world, year.course, year.week_folder(week) / "arrests.csv", week, visits
    )
    year.log = join_logs(year.log, visits)
    year.notes.append(
        {"kind": "truth", "week": week, "visits": len(visits), "dedicated": dedicated, "arrests": count}
    )


def _compare_planners(year: Year, week: int, planned_visits: list[delivery.PlannedVisit]) -> Note:
    """How many offences of this week would each planner have prevented, had all else been equal?

    Once with offenders who watch, each having seen the planner that is compared, and once with none.
    """
    own_visits = delivery.visit_log(planned_visits)
    rival_visits = delivery.visit_log(delivery.replace_by_most_overdue(planned_visits, dict(year.last_visit)))
    share = year.world.scenario.patrol.watchful_share
    note: Note = {}
    for name, watchful_share in (("", share), ("unwatched_", 0.0)):
        own_chances, rival_chances = (
            truth.expected_prevention(
                year.world, year.potential, week, visits, past, watchful_share=watchful_share
            )
            for visits, past in ((own_visits, year.unused_log), (rival_visits, year.log))
        )
        note |= {f"{name}own": float(own_chances.sum()), f"{name}rival": float(rival_chances.sum())}
        note[f"{name}variance"] = float((own_chances**2).sum() + (rival_chances**2).sum())
    year.unused_log = join_logs(year.unused_log, own_visits)
    return note


def _copy_ledger(source: Path, target: Path) -> None:
    """Copy the database page by page: some pages may lie beside its file, and a plain copy loses them."""
    with closing(sqlite3.connect(source)) as from_file, closing(sqlite3.connect(target)) as to_file:
        from_file.backup(to_file)


def _tamper(ledger: Path) -> None:
    """An insider with access to the disk alters one entry behind becalm's back, and puts the locks back."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        locks = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in locks:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE event SET actor = 'nobody' WHERE seq = 3")
        for _, sql in locks:
            connection.execute(sql)


def _instant(day: date) -> datetime:
    return datetime.combine(day, BEGIN_OF_WORK, UTC)


def end_year(year: Year) -> Note | None:
    """On the Monday after: the last records, what the protocol answers, and what police-found records change.

    The finding, or None where the protocol was refused.
    """
    world, office, week = year.world, year.office, year.world.weeks
    monday = world.monday(week)
    office.begin(_instant(monday + timedelta(days=1)))
    path = year.week_folder(week) / "incidents.parquet"
    records.write_extract(world, year.course, path, day=monday, is_whole=True)
    office.call("ingest", "load", path, "--as-of", monday, "--replace")
    for number in (week - 2, week - 1):
        close_week(year, number)
    year.notes.append({"kind": "feedback", **_without_police_found(year, path, monday)})
    answer = office.call(
        "evaluate", "run", year.protocol_path, "--out", year.folder / "evaluation", may_fail=True
    )
    finding_path = year.folder / "evaluation" / "finding.json"
    _check_ledger(year, week)
    if not finding_path.is_file():
        year.notes.append({"kind": "refused", "why": answer.message.strip()})
        return None
    finding: Note = json.loads(finding_path.read_text("utf-8"))
    return finding


def _without_police_found(year: Year, extract: Path, monday: date) -> Note:
    """Which share of the list changes in a second workspace, whose records hold nothing that police found?"""
    import pyarrow.parquet as pq

    second = Office(year.office.run_command, year.folder / "second", year.office.seed)
    second.begin(_instant(monday + timedelta(days=1)))
    city = year.folder.parent / "city"
    second.call("init", "--city", city / "city.toml", "--boundaries", city / "boundaries.geojson")
    table = pq.read_table(extract)
    cut = year.folder / "cut" / "incidents.parquet"
    cut.parent.mkdir(exist_ok=True)
    is_victim = [word != "police" for word in table["found_by"].to_pylist()]
    pq.write_table(table.filter(is_victim), cut)
    second.call("ingest", "load", cut, "--as-of", monday)
    places = []
    for office in (year.office, second):
        words = ("find", "hotspots", "--count", year.world.scale.place_count, "--seed", 1)
        features = office.call(*words).data["features"]
        places.append({feature["properties"]["place_id"] for feature in features})
    return {"changed_share": len(places[0] - places[1]) / max(1, len(places[0]))}


def cut_units(path: Path, staff_share: float) -> None:
    """Leave this share of the cars in the units' file: the last start times of each team go first."""
    if staff_share >= 1:
        return
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("starts = ["):
            starts = line.removeprefix("starts = [").removesuffix("]").split(", ")
            first_starts = starts[: max(1, round(len(starts) * staff_share - 0.25))]
            line = f"starts = [{', '.join(first_starts)}]"
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", "utf-8")


PROTOCOL: Final = """\
question = "Did patrols lower street violence at the places that had them?"
design = "trial"
change_our_mind = "An interval that holds no fall, or a rise in the rings as large as the fall."

[outcome]
offence_groups = ["robbery", "violence_with_injury"]

[places]
radius_m = 75.0
ring_m = 200.0

[windows]
before = "{before}"
after = "{after}"

[trial]
folder = "{folder}"
plans = {plans}
visits = {visits}

[analysis]
level = 0.95
smallest_effect = 0.16
multiplicity = "One outcome and one test, so nothing is corrected."
stopping = "Read once, when the last day of the trial is on record."
draws = 1000
seed = 1

[choices]
"""
