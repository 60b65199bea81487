"""Where the programme stands today: the plan and roster in force, what is due, and what to do next."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from becalm.brief.part import BriefingPart, PartTable, Pins
from becalm.desk import Desk, gaps_of
from becalm.evaluate.core.events import EVALUATION_RUN
from becalm.evaluate.desk.protocols import list_protocols
from becalm.ingest.past_loads import SourceStatus, list_sources
from becalm.measure.desk.steps import active_steps
from becalm.patrol.core.record_age import find_last_start
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.seed import audit_patrol
from becalm.patrol.desk.visits import list_undelivered
from becalm.patrol.files.read_policy import load_policy
from becalm.record.desk import describe_late_head
from becalm.staff.core.events import ROSTER
from becalm.sustain.desk.watch import past_alarms
from becalm.tables import Source
from becalm.tables.months_on_record import last_day_of
from becalm.terms import RunRecord, Step
from becalm.workspace.config import UNITS_FILE

LOW_GAPS = ("low", "cut_short", "partial_load")
NOTICE_DAYS = 3  # a plan or a roster that ends within so many days is due to be made anew
LOOK_BACK_DAYS = 28  # a plan that ended longer ago is not asked after any more
DUE_JOB, DUE_HEADING = "due", "What is due"
NOTHING_DUE = "Nothing waits for a decision."


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the archive holds of one source; `missing` and `low` name months (YYYY-MM)."""

    source: str
    table: str
    first: str
    last: str
    rows: int
    as_of: date
    loads: int
    missing: tuple[str, ...]
    low: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatedDocument:
    """A plan or a roster that the ledger knows, by its hash, and the days that it is for."""

    sha256: str
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class DueTask:
    """Something that waits for a person: what, why, since or until when, and the command that does it."""

    task: str
    why: str
    due_on: date
    command: str


@dataclass(frozen=True, slots=True)
class ProgrammeState:
    """The records, the steps, the plan and the roster in force, what is due and what to do next."""

    sources: tuple[SourceState, ...]
    steps: tuple[Step, ...]
    plan: DatedDocument | None
    roster: DatedDocument | None
    due: tuple[DueTask, ...]
    next_commands: tuple[str, ...]


def describe_programme(desk: Desk, *, is_ledger_read: bool) -> ProgrammeState:
    """Where does the programme stand today? Nothing is written.

    Where the ledger is not read, as there is none or it cannot be trusted, records alone are described.
    """
    today = desk.today
    sources = tuple(_describe_source(desk, source) for source in list_sources(desk))
    if not is_ledger_read:
        return ProgrammeState(sources, (), None, None, (), _list_commands(sources, ()))
    plan, roster = _find_plan(desk, today), _find_roster(desk, today)
    due_tasks = sorted(
        (
            *_records_due(desk, sources, today),
            *_plans_due(desk, plan, roster, today),
            *_deliveries_due(desk, today),
            *_reviews_due(desk),
            *_evaluations_due(desk, sources),
            *_heads_due(desk, today),
        ),
        key=lambda task: task.due_on,
    )
    return ProgrammeState(
        sources, active_steps(desk), plan, roster, tuple(due_tasks), _list_commands(sources, due_tasks)
    )


def _describe_source(desk: Desk, source: SourceStatus) -> SourceState:
    gaps = gaps_of(desk, Source(source.table, source.source))
    return SourceState(
        source.source,
        source.table,
        source.first_month,
        source.last_month,
        source.rows,
        source.as_of,
        source.loads,
        missing=tuple(sorted({gap.month for gap in gaps if gap.kind == "missing"})),
        low=tuple(sorted({gap.month for gap in gaps if gap.kind in LOW_GAPS})),
    )


def _find_plan(desk: Desk, today: date) -> DatedDocument | None:
    """The newest plan for all areas that has not ended."""
    for history in sorted(audit_patrol(desk).histories, key=lambda history: -history.seq):
        if history.plans and not history.area and history.last_day >= today:
            return DatedDocument(history.commitment, history.first_day, history.last_day)
    return None


def _find_roster(desk: Desk, today: date) -> DatedDocument | None:
    """The newest published roster that has not ended."""
    roster_entries = desk.open_ledger().entries(kinds=(ROSTER,))
    for entry in sorted(roster_entries, key=lambda entry: -entry.seq):
        facts = entry.event.facts
        first_day = date.fromisoformat(str(facts["first_day"]))
        last_day = first_day + timedelta(days=int(str(facts["days"])) - 1)
        if last_day >= today:
            return DatedDocument(str(facts["roster_sha256"]), first_day, last_day)
    return None


def _records_due(desk: Desk, sources: Sequence[SourceState], today: date) -> Iterator[DueTask]:
    """Records from which no plan could begin tomorrow, and weeks of the newest months that are missing."""
    rule = load_policy(find_policy(desk.workspace, None)).records
    for source in sources:
        last_start = find_last_start(last_day_of(source.last), source.source, rule)
        if source.table == "incidents" and today > last_start:
            why = f"the records of {source.source} end in {source.last}, and no plan may begin so long after"
            yield DueTask("load newer records", why, last_start, "becalm ingest PATH")


def _deliveries_due(desk: Desk, today: date) -> Iterator[DueTask]:
    """Plans that ended a short while ago, and of which nobody has said what was delivered."""
    for history in list_undelivered(desk, today):
        if history.last_day >= today - timedelta(days=LOOK_BACK_DAYS):
            why = (
                f"the plan of {history.first_day} to {history.last_day} has ended, and no visit is on record"
            )
            yield DueTask(
                "say what was delivered",
                why,
                history.last_day,
                "becalm patrol delivered PLAN --check-ins FILE --out VISITS",
            )


def _plans_due(
    desk: Desk, plan: DatedDocument | None, roster: DatedDocument | None, today: date
) -> Iterator[DueTask]:
    if (desk.workspace.path / UNITS_FILE).is_file():
        last_day = plan.last_day if plan else today
        if last_day < today + timedelta(days=NOTICE_DAYS):
            why = f"the plan ends on {last_day}" if plan else "no plan covers tomorrow"
            yield DueTask(
                "make a patrol plan",
                why,
                last_day,
                "becalm patrol plan",
            )
    if roster and roster.last_day < today + timedelta(days=NOTICE_DAYS):
        yield DueTask(
            "make a roster",
            f"the roster ends on {roster.last_day}",
            roster.last_day,
            "becalm staff allocate",
        )


def _reviews_due(desk: Desk) -> Iterator[DueTask]:
    for alarm in past_alarms(desk):
        if alarm.decision is None:
            why = f"{alarm.series} rose in {alarm.week}, and nobody has said what it was"
            yield DueTask("review an alarm", why, alarm.raised_on, f"becalm sustain review {alarm.alarm}")


def _evaluations_due(desk: Desk, sources: Sequence[SourceState]) -> Iterator[DueTask]:
    """Registered protocols whose days the records cover by now, and that were not run."""
    last_days = [last_day_of(source.last) for source in sources if source.table == "incidents"]
    run_sha256s = {
        str(entry.event.facts["protocol_sha256"])
        for entry in desk.open_ledger().entries(kinds=(EVALUATION_RUN,))
    }
    protocols = list_protocols(desk)
    replaced_sha256s = {protocol.replaces for protocol in protocols}
    for protocol in protocols:
        last_day = date.fromisoformat(protocol.last_day)
        is_open = protocol.protocol_sha256 not in run_sha256s | replaced_sha256s
        if is_open and last_days and last_day <= max(last_days):
            why = f"the records cover its days, which end on {protocol.last_day}"
            name = protocol.protocol_sha256[:12]
            yield DueTask(f"run the evaluation {name}", why, last_day, "becalm evaluate run PROTOCOL")


def _heads_due(desk: Desk, today: date) -> Iterator[DueTask]:
    if late_head := describe_late_head(desk):
        yield DueTask("sign the head of the ledger", late_head.rstrip("."), today, "becalm record checkpoint")


def _list_commands(sources: Sequence[SourceState], due_tasks: Sequence[DueTask]) -> tuple[str, ...]:
    """What to type, in this order; the briefing comes when there are records."""
    if not sources:
        return ("becalm ingest PATH",)
    return tuple(dict.fromkeys([*(task.command for task in due_tasks), "becalm run"]))


def make_due_part(desk: Desk, _run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """What waits for a person, as it was when the briefing was made: the pins hold the list itself."""
    if pins is None:
        pins = {"tasks": [_pin_task(task) for task in describe_programme(desk, is_ledger_read=True).due]}
    rows = tuple((task["task"], task["why"], task["due_on"], task["command"]) for task in pins["tasks"])
    lead = f"Waiting for somebody: {len(rows)}." if rows else NOTHING_DUE
    headings = ("What", "Why", "Due", "Command")
    tables = (PartTable("What is due, the oldest first", "", headings, rows, len(headings)),) if rows else ()
    return BriefingPart(DUE_JOB, DUE_HEADING, lead=lead, tables=tables), pins


def _pin_task(task: DueTask) -> dict[str, str]:
    return {**asdict(task), "due_on": task.due_on.isoformat()}
