"""Times at which no unit is to be at a place: set, listed and ended by a command or a page, and kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from becalm.desk import Desk, note_configuration, record_event
from becalm.ledger import Entry, Fact, format_instant
from becalm.patrol.core.blackouts import BLACKOUT_KINDS, Blackout, fold_blackouts, list_closures
from becalm.patrol.core.instants import read_instant
from becalm.patrol.core.plan_inputs import PatrolPlace, PlanInputs, Span
from becalm.patrol.core.request import BlackoutEndRequest, BlackoutListRequest, BlackoutRequest
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.desk.seed import PURPOSE, audit_patrol, sealed_box
from becalm.patrol.files.read_blackouts import BLACKOUTS_FILE, read_blackouts
from becalm.patrol.files.read_plan import plan_of_texts
from becalm.patrol.files.read_units import read_units
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import UsageError, suggest_word
from becalm.workspace.config import UNITS_FILE

LONGEST_BLACKOUT = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class BlackoutAnswer:
    """What was just recorded, and what a sergeant must do about plans that stand already."""

    entry: Entry
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownBlackouts:
    """All blackouts, those of the file first; and the entries of the ledger that the others came from."""

    blackouts: tuple[Blackout, ...]
    entries: tuple[int, ...]


def load_blackouts(
    desk: Desk, areas: frozenset[str] | None = None, entries: Sequence[int] | None = None
) -> KnownBlackouts:
    """Which blackouts are there? With `entries`, those of the ledger that were known when a seed was sealed.

    `areas` are those that the file may name; without them, the workspace's own.

    Raises InputError with every fault of the file.
    """
    zone = desk.workspace.city.time_zone
    file_blackouts = read_blackouts(
        desk.workspace.path / BLACKOUTS_FILE,
        areas or _read_areas(desk),
        lambda text: read_instant(text, zone),
    )
    kept_entries = [entry for entry in _read_entries(desk) if entries is None or entry.seq in set(entries)]
    return KnownBlackouts(
        (*file_blackouts, *fold_blackouts(kept_entries)), tuple(entry.seq for entry in kept_entries)
    )


def list_blackouts(desk: Desk, request: BlackoutListRequest) -> tuple[Blackout, ...]:
    """Which blackouts are not over at a moment?"""
    at = desk.now() if request.at is None else read_instant(request.at, desk.workspace.city.time_zone)
    return tuple(blackout for blackout in load_blackouts(desk).blackouts if blackout.span.end > at)


def set_blackout(desk: Desk, request: BlackoutRequest) -> BlackoutAnswer:
    """Close a place, or an area, for a time. Every plan and re-plan from now on keeps clear of it.

    Raises UsageError where the place or the area is not known, or the time is past, upside down or too long.
    """
    zone = desk.workspace.city.time_zone
    starts_at = desk.now() if request.starts_at is None else read_instant(request.starts_at, zone)
    ends_at = read_instant(request.ends_at, zone)
    _check_blackout(desk, request, starts_at, ends_at)
    blackout = Blackout(Span(starts_at, ends_at), request.reason, place=request.place, area=request.area)
    plans = tuple(_read_standing_plans(desk, blackout.span))
    if request.place and plans:
        _check_place(blackout, [place for _, plan in plans for place in plan.inputs.places])
    where_facts = {"place": request.place, "area": request.area}
    facts: dict[str, Fact] = {
        **{name: text for name, text in where_facts.items() if text},
        "starts_at": format_instant(starts_at),
        "ends_at": format_instant(ends_at),
        "reason": request.reason.strip(),
    }
    note_configuration(desk)
    entry = record_event(desk, "blackout_set", purpose=PURPOSE, facts=facts)
    return BlackoutAnswer(entry, tuple(_replan_notes(blackout, plans)))


def end_blackout(desk: Desk, request: BlackoutEndRequest) -> BlackoutAnswer:
    """End a blackout before its time; plans that were made with it stay as they are.

    Raises UsageError where that entry set no blackout, or it is over already.
    """
    zone = desk.workspace.city.time_zone
    ends_at = desk.now() if request.at is None else read_instant(request.at, zone)
    _check_reason(request.reason)
    blackout_by_entry = {blackout.entry: blackout for blackout in load_blackouts(desk).blackouts}
    blackout = blackout_by_entry.get(request.entry)
    if blackout is None:
        raise UsageError(
            f"Entry {request.entry} sets no blackout that holds. `becalm patrol blackouts` lists those that "
            f"do; those of {BLACKOUTS_FILE} end by taking out their row."
        )
    if ends_at >= blackout.span.end:
        raise UsageError(f"It ends on {blackout.span.end:%Y-%m-%d %H:%M} UTC anyway. Give an earlier time.")
    facts: dict[str, Fact] = {
        "blackout": request.entry,
        "ends_at": format_instant(ends_at),
        "reason": request.reason.strip(),
    }
    entry = record_event(desk, "blackout_ended", purpose=PURPOSE, facts=facts)
    return BlackoutAnswer(entry, ("Plans that stand keep clear of it still; the next ones do not.",))


def describe_new_blackouts(desk: Desk, known_entries: Sequence[int], inputs: PlanInputs) -> tuple[str, ...]:
    """What was set since a plan was sealed, within its days, and the plan does not know."""
    first_start = min(shift.hours.start for shift in inputs.shifts)
    last_end = max(shift.hours.end for shift in inputs.shifts)
    unknown_entries = [entry for entry in _read_entries(desk) if entry.seq not in set(known_entries)]
    return tuple(
        f"{blackout.place or blackout.area} was closed since this plan was sealed ({blackout.where}: "
        f"{blackout.reason}). Draw its tours again with `becalm patrol replan`."
        for blackout in fold_blackouts(unknown_entries)
        if first_start < blackout.span.end
        and blackout.span.start < last_end
        and list_closures(inputs.places, [blackout])
    )


def _read_entries(desk: Desk) -> tuple[Entry, ...]:
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    return tuple(desk.open_ledger().entries(kinds=BLACKOUT_KINDS))


def _read_areas(desk: Desk) -> frozenset[str]:
    units_path = desk.workspace.path / UNITS_FILE
    if not units_path.is_file():
        return frozenset()
    return frozenset(area.area for area in read_units(units_path, crs=desk.workspace.city.crs).areas)


def _check_blackout(desk: Desk, request: BlackoutRequest, starts_at: datetime, ends_at: datetime) -> None:
    if bool(request.place) == bool(request.area):
        raise UsageError("Name the place that is closed with `place`, or an area with `area`; not both.")
    _check_reason(request.reason)
    if ends_at <= starts_at:
        raise UsageError(f"It would end at {request.ends_at}, before it begins. Give a later `ends_at`.")
    if ends_at - starts_at > LONGEST_BLACKOUT:
        raise UsageError(
            "A blackout lasts 92 days at most. What is closed for good is left off the list: "
            "`becalm find override`."
        )
    areas = _read_areas(desk)
    if request.area and request.area not in areas:
        raise UsageError(f"There is no area {request.area!r}. {suggest_word(request.area, sorted(areas))}")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("A blackout needs a reason. Give it with `reason`; it stays in the ledger.")


def _check_place(blackout: Blackout, places: Sequence[PatrolPlace]) -> None:
    if not any(blackout.covers(place) for place in places):
        names = sorted({name for place in places for name in (place.hotspot, place.name) if name})
        raise UsageError(
            f"No plan for these days has a place {blackout.place!r} (`place`). "
            f"{suggest_word(blackout.place, names)}"
        )


def _read_standing_plans(desk: Desk, span: Span) -> Iterator[tuple[SeedHistory, PlanDocument]]:
    """The plans whose days these are, as they stand after their last re-plan."""
    box = sealed_box(desk)
    for history in audit_patrol(desk).histories:
        first_day = history.first_day - timedelta(days=1)
        is_near = first_day <= span.end.date() and span.start.date() <= history.last_day + timedelta(days=1)
        plan_texts = box.plans(history.commitment) if history.plans and is_near else ()
        if plan_texts:
            visits = box.visits_of(history.commitment, plan_texts[-1])
            yield history, plan_of_texts(plan_texts[-1], visits, where=f"the plan of {history.first_day}")


def _replan_notes(blackout: Blackout, plans: Sequence[tuple[SeedHistory, PlanDocument]]) -> Iterator[str]:
    for history, plan in plans:
        closed_hotspots = {place.hotspot for place in plan.inputs.places if blackout.covers(place)}
        area_by_hotspot: Mapping[str, str] = {place.hotspot: place.area for place in plan.inputs.places}
        areas = sorted({area_by_hotspot[hotspot] for hotspot in closed_hotspots})
        count = sum(
            burst.hotspot in closed_hotspots
            and burst.span.start < blackout.span.end
            and burst.span.end > blackout.span.start
            for burst in plan.bursts
        )
        if count:
            bursts_text = "1 burst lies" if count == 1 else f"{count} bursts lie"
            yield (
                f"{bursts_text} within it in the plan of {history.first_day}. Draw the tours of "
                f"{', '.join(areas)} again once they are on duty: `becalm patrol replan PLAN --area AREA`."
            )
