"""The roster in the briefing: tours, changes, and what nobody can fill; no officer is named."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from becalm.brief.part import BriefingPart, PartTable, Pins
from becalm.desk import Desk
from becalm.formats.durable_files import sha256_of
from becalm.staff.core.rule_book import REST_DAY
from becalm.staff.desk.roster import published_folder
from becalm.staff.desk.sheets import load_duty_roster
from becalm.staff.files.duty_sheets import DutyRoster
from becalm.terms import QuestionError, RunRecord

HEADING: Final = "Staff: who serves where"
MOST_SHORT_ROWS: Final = 20
NO_ROSTER: Final = (
    "No roster: none is in force in this workspace. Make one and put it in force: becalm staff allocate "
    "--from DAY --publish --out roster."
)


def find_staff_needs(desk: Desk) -> str:
    """What is missing before the roster can be described; "" where one is in force."""
    return "" if (published_folder(desk.workspace) / "run.json").is_file() else NO_ROSTER


def make_staff_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """What the roster in force says, by command unit; an earlier part is repeated from what it said."""
    del run  # the roster is in force or not, whatever is compared
    if pins is None:
        if needs := find_staff_needs(desk):
            raise QuestionError(needs)
        folder = published_folder(desk.workspace)
        pins = _describe(load_duty_roster(desk, folder), folder)
    tables = tuple(
        PartTable(table["caption"], table["note"], tuple(table["headings"]),
                  tuple(map(tuple, table["rows"])), table["word_columns"])
        for table in pins["tables"]
    )  # fmt: skip
    part = BriefingPart(
        "staff", HEADING, lead=pins["lead"], paragraphs=tuple(pins["paragraphs"]), tables=tables
    )
    return part, pins


def _describe(roster: DutyRoster, folder: Path) -> Pins:
    """All that the part says, as JSON keeps it, with the hash of the roster that it was read from."""
    missing_count = sum(int(short["missing"]) for short in roster.short_tours)
    crew_count = len({(tour.day, tour.unit) for tour in roster.tours})
    cancelled_count = sum(change.old == REST_DAY != change.new for change in roster.changes)
    lead = (
        f"{roster.days_in_words}: {len(roster.tours):,} tours of officers in {crew_count:,} crews; "
        f"{len(roster.changes):,} changes of the published roster, of which {cancelled_count} cancel a rest "
        f"day; {missing_count} tours stay short."
    )
    alone_count = len({(t.day, t.unit) for t in roster.tours if t.use == "patrol" and not t.supervisor})
    paragraphs = [f"{alone_count} crews have no supervisor of their command unit on their tour."]
    return {
        "roster_sha256": sha256_of(folder / "roster.csv"),
        "lead": lead,
        "paragraphs": paragraphs if alone_count else [],
        "tables": [asdict(table) for table in (_unit_table(roster), *_short_tables(roster))],
    }


def _unit_table(roster: DutyRoster) -> PartTable:
    """Each command unit: tours, crews, changes by what they ask of officers, tours short."""
    home = roster.home_of_officer
    tour_count = Counter(tour.command_unit for tour in roster.tours)
    lent_count = Counter(t.command_unit for t in roster.tours if home.get(t.staff_number) != t.command_unit)
    cancelled_count, other_count = Counter[str](), Counter[str]()
    for change in roster.changes:
        is_cancelled = change.old == REST_DAY != change.new
        (cancelled_count if is_cancelled else other_count)[home.get(change.staff_number, "")] += 1
    short_count = Counter[str]()
    for row in roster.short_tours:
        short_count[row["command_unit"]] += int(row["missing"])
    rows = tuple(
        (
            unit,
            *(
                f"{counts[unit]:,}"
                for counts in (tour_count, lent_count, cancelled_count, other_count, short_count)
            ),
        )
        for unit in sorted(set(home.values()))
    )
    headings = ("Command unit", "Tours", "Lent in", "Rest days cancelled", "Other changes", "Short")
    note = "Who is moved stands in moves.csv of the roster, for the duty office"
    return PartTable("Tours and changes by command unit", note, headings, rows)


def _short_tables(roster: DutyRoster) -> Sequence[PartTable]:
    """The tours that nobody can fill, each with its reason."""
    if not roster.short_tours:
        return ()
    short_tours = roster.short_tours[:MOST_SHORT_ROWS]
    hidden_count = len(roster.short_tours) - len(short_tours)
    rows = tuple((s["day"], s["command_unit"], s["tour"], s["why"], s["missing"]) for s in short_tours)
    note = f"{hidden_count} more stand in short.csv of the roster" if hidden_count else ""
    headings = ("Day", "Command unit", "Tour", "Why", "Missing")
    return (PartTable("Tours that stay short", note, headings, rows, 4),)
