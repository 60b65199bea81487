"""The funnel, the providers' report, and what "Evaluate" may have: counts by wave, and no person."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from becalm.desk import Desk, read_payload
from becalm.divert.core.events import PERSON
from becalm.divert.core.population import years_between
from becalm.divert.core.small_counts import OVERSIGHT, withhold_from_funnel
from becalm.divert.core.visits import events
from becalm.divert.core.visits import request as ask
from becalm.divert.core.visits.funnel import FUNNEL_KINDS, Funnel, count_funnel
from becalm.divert.core.visits.providers import HelpProvider, ProviderReport, report_providers
from becalm.divert.desk.context import born_on, check_purpose, records_file, require_role
from becalm.divert.desk.visits.cases import protocol_in_force
from becalm.divert.files.visits.read_providers import find_providers, read_providers
from becalm.ledger import WITHDRAWN, Entry

AGE_BANDS = ((25, "18-24"), (35, "25-34"), (45, "35-44"), (200, "45 and older"))


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """The directory, and what became of referrals, by provider."""

    day: date
    providers: tuple[HelpProvider, ...]
    reports: tuple[ProviderReport, ...]


@dataclass(frozen=True, slots=True)
class WaveHarm:
    """Recorded events of one wave in the days after its allocation, as suspect and as victim."""

    wave: int
    people: int
    as_suspect: int
    as_victim: int


def show_funnel(desk: Desk, request: ask.FunnelRequest) -> Funnel:
    """How many of those who were selected were reached, offered help, and helped?

    No person is read, but by area: then where each of the selected lived is, and each reading is recorded.
    """
    desk = require_role(desk, "funnel")
    check_purpose(request.purpose)
    protocol = protocol_in_force(desk, request.protocol, is_signed=False)
    zone = ZoneInfo(desk.workspace.city.time_zone)

    def day_of(moment: datetime) -> date:
        return moment.astimezone(zone).date()

    entries = desk.open_ledger().verified_entries(kinds=(*FUNNEL_KINDS, WITHDRAWN))
    funnel = count_funnel(
        entries,
        as_of=request.as_of or desk.today,
        day_of=day_of,
        protocol=f"{protocol.key}, version {protocol.version}, {protocol.attempts} attempts",
        by=request.by,
        group_by_person=_group_by_person(desk, request),
    )
    return withhold_from_funnel(funnel) if desk.role == OVERSIGHT else funnel


def has_cases(desk: Desk) -> bool:
    """Has anybody been selected yet?"""
    return (
        next(iter(desk.open_ledger().entries(kinds=("list_computed", events.ALLOCATION))), None) is not None
    )


def _group_by_person(desk: Desk, request: ask.FunnelRequest) -> Mapping[str, str]:
    """The area or age band of each of the selected, as it was when they were allocated."""
    allocations = {
        str(entry.event.facts["unit"]): entry
        for entry in desk.open_ledger().entries(kinds=(events.ALLOCATION,))
        if events.wave_of(entry) is not None
    }
    if request.by == "age":
        return _age_bands(desk, allocations)
    return _areas(desk, allocations, request.purpose) if request.by == "area" else {}


def _age_bands(desk: Desk, allocations: Mapping[str, Entry]) -> Mapping[str, str]:
    records = records_file(desk).read()
    bands = {}
    for row, person in enumerate(records.people["person"].to_pylist()):
        born = born_on(records, row)
        if born is not None and person in allocations:
            years = years_between(born, allocations[person].event.occurred_at.date())
            bands[person] = next(name for limit, name in AGE_BANDS if years < limit)
    return bands


def _areas(desk: Desk, allocations: Mapping[str, Entry], purpose: str) -> Mapping[str, str]:
    """Where each of them lived: from the newest details that were taken in before the allocation."""
    seq_by_person: dict[str, int] = {}
    for entry in desk.open_ledger().entries(kinds=(PERSON,)):
        person = entry.event.subject
        if person in allocations and entry.seq < allocations[person].seq:
            seq_by_person[person] = entry.seq
    areas = {}
    for person, seq in seq_by_person.items():
        payload = read_payload(
            desk, seq, subject=person, purpose=purpose, shown_text="the area, to be counted"
        )
        areas[person] = (json.loads(payload).get("borough") if payload else "") or "unknown"
    return areas


def show_providers(desk: Desk, request: ask.ProvidersRequest) -> ProviderAnswer:
    """Who offers help, who is waiting there, and what came of it? Counts alone, no person."""
    desk = require_role(desk, "providers")
    providers = read_providers(find_providers(desk.workspace.path, request.file))
    day = desk.today
    rows = desk.open_ledger().state_rows("referral")
    return ProviderAnswer(day, providers, report_providers(providers, rows, day=day))


def count_harm_by_wave(desk: Desk, *, days: int) -> tuple[WaveHarm, ...]:
    """Recorded events as suspect and victim in the `days` after the allocation, by wave: to evaluate.

    Everybody who was allocated is counted, whatever became of them; found by police counts nowhere.
    """
    entries = desk.open_ledger().verified_entries(kinds=(events.ALLOCATION,))
    records = records_file(desk).read()
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        wave, person = events.wave_of(entry), str(entry.event.facts["unit"])
        if wave is None:
            continue
        start = entry.event.occurred_at.date()
        counts[wave]["people"] += 1
        for row in records.rows_of_person(records.row_of(person)):
            if 0 <= (row.occurred_on - start).days < days and row.found_by == "victim":
                counts[wave]["victim" if row.role == "victim" else "suspect"] += 1
    return tuple(
        WaveHarm(wave, count["people"], count["suspect"], count["victim"])
        for wave, count in sorted(counts.items())
    )
