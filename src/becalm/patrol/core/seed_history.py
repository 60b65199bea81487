"""What became of every sealed seed, share and trial: gathered from the ledger's entries, in their order."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from becalm.ledger import Entry
from becalm.patrol.core.plan_inputs import PatrolPlace
from becalm.patrol.core.seal import Secret
from becalm.terms import PlanError

# Facts that a record holds under the same name as their event.
HISTORY_TEXTS: Final = ("area", "inputs_sha256", "seed_mark", "reason", "replaces", "share_sha256")
PLAN_TEXTS: Final = ("plan_sha256", "visits_sha256", "unit", "reason", "share_sha256")
SEED_EVENT_KINDS: Final = (
    *("patrol_share_committed", "patrol_seed_committed", "patrol_replan_begun"),
    *("bursts_planned", "patrol_seed_revealed", "trial_committed"),
)
SAME_PLACE_M: Final = 50.0  # places nearer than this are one place, whatever they are called
SAME_SHARE: Final = 0.1  # two plans with so many of their places in common are for the same ground


@dataclass(frozen=True, slots=True)
class Ground:
    """Which units and which places a seed or a trial is for: names of areas can be changed, these stay."""

    units: tuple[str, ...] = ()
    positions_m: tuple[tuple[int, int], ...] = ()  # easting and northing of each place

    @classmethod
    def of(cls, places: Iterable[PatrolPlace], units: Iterable[str] = ()) -> "Ground":
        """The ground of these places and units."""
        positions_m = sorted({(round(place.easting_m), round(place.northing_m)) for place in places})
        return cls(tuple(sorted(set(units))), tuple(positions_m))

    def facts(self) -> dict[str, tuple[str, ...]]:
        """The ground as a ledger keeps it."""
        position_texts = tuple(f"{east},{north}" for east, north in self.positions_m)
        return {name: texts for name, texts in (("units", self.units), ("places", position_texts)) if texts}

    def is_shared_with(self, ground: "Ground") -> bool:
        """Do both plan one unit, or a tenth of the places of the smaller one?"""
        if set(self.units) & set(ground.units):
            return True
        smaller, larger = sorted((self.positions_m, ground.positions_m), key=len)
        shared_count = sum(any(math.dist(p, q) <= SAME_PLACE_M for q in larger) for p in smaller)
        return shared_count > 0 and shared_count >= SAME_SHARE * len(smaller)


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan that was made of a sealed seed; replan 0 is the first one of its days."""

    seq: int
    recorded_at: datetime
    plan_sha256: str
    visits_sha256: str
    replan: int
    unit: str
    reason: str
    share_sha256: str
    bursts: int
    dropped: int  # of the plan before, by a re-plan


@dataclass(frozen=True, slots=True)
class ReplanNote:
    """A re-plan as it was noted before it was drawn: whose tours, from when, why, and who agreed."""

    index: int
    seq: int
    recorded_at: datetime
    begins_at: datetime | None
    units: tuple[str, ...]
    area: str
    reason: str
    second: str


@dataclass(frozen=True, slots=True)
class SeedHistory:
    """What became of one sealed seed."""

    commitment: str
    seq: int
    committed_at: datetime
    actor: str
    first_day: date
    days: int
    area: str  # "" for all areas
    inputs_sha256: str
    version: str
    seed_mark: str
    reason: str  # why these days were committed to again; "" for the first time
    replaces: str
    share_sha256: str  # of an overseer's share that was known when the seed was sealed
    reveal_after: datetime | None
    ground: Ground = Ground()
    announced_replans: tuple[ReplanNote, ...] = ()
    plans: tuple[PlanRecord, ...] = ()
    revealed_seq: int | None = None
    secret: Secret | None = None
    share: bytes = b""

    @property
    def last_day(self) -> date:
        """The last day that it is for."""
        return self.first_day + timedelta(days=self.days - 1)

    def overlaps(self, first_day: date, days: int, area: str, ground: Ground = Ground()) -> bool:
        """Does it plan any of these days for this area, or for units or places of this ground?"""
        is_apart = self.last_day < first_day or first_day + timedelta(days=days) <= self.first_day
        is_same_area = not self.area or not area or self.area == area
        # An area that was renamed is another name, and the same units and places.
        return not is_apart and (is_same_area or self.ground.is_shared_with(ground))

    def changed_share(self, replan: int) -> float | None:
        """Which share of the plan's bursts did this re-plan take away? None where it was never kept."""
        bursts_by_plan = {plan.replan: plan.bursts for plan in self.plans}
        plan_record = next((plan for plan in self.plans if plan.replan == replan), None)
        bursts_before = bursts_by_plan.get(replan - 1, 0)
        return plan_record.dropped / bursts_before if plan_record and bursts_before else None


@dataclass(frozen=True, slots=True)
class ShareRecord:
    """An overseer's share whose hash was recorded: by whom and when."""

    seq: int
    recorded_at: datetime
    actor: str
    share_sha256: str


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A key that was sealed for the arms of a trial, and what the trial is of."""

    seq: int
    recorded_at: datetime
    actor: str
    inputs_sha256: str
    reason: str  # why these days and places were drawn again
    ground: Ground
    first_day: date
    days: int

    def overlaps(self, first_day: date, days: int, ground: Ground) -> bool:
        """Is it of any of these days and places? One that was recorded without its places may be."""
        is_apart = (
            self.first_day + timedelta(days=self.days) <= first_day
            or first_day + timedelta(days=days) <= self.first_day
        )
        is_known = bool(self.ground.positions_m and ground.positions_m)
        return not is_apart and (not is_known or self.ground.is_shared_with(ground))


@dataclass(frozen=True, slots=True)
class SealRecords:
    """All that the ledger holds of seeds, shares and trials, oldest first."""

    histories: tuple[SeedHistory, ...] = ()
    unsealed_plans: tuple[PlanRecord, ...] = ()  # plans of no sealed seed
    shares: tuple[ShareRecord, ...] = ()
    trials: tuple[TrialRecord, ...] = ()


def gather_records(entries: Iterable[Entry]) -> SealRecords:
    """Gather the entries of each seed, in the ledger's order; the plans of none; shares and trials."""
    history_by_commitment: dict[str, SeedHistory] = {}
    unsealed_plans, shares, trials = list[PlanRecord](), list[ShareRecord](), list[TrialRecord]()
    for entry in entries:
        commitment, kind = _text(entry, "commitment"), entry.event.kind
        seed_history = history_by_commitment.get(commitment)
        entry_origin = (entry.seq, entry.recorded_at, entry.event.actor)
        if kind == "patrol_share_committed":
            shares.append(ShareRecord(*entry_origin, _text(entry, "share_sha256")))
        elif kind == "trial_committed":
            inputs_sha256, reason = _text(entry, "inputs_sha256"), _text(entry, "reason")
            trials.append(TrialRecord(*entry_origin, inputs_sha256, reason, _ground(entry), **_period(entry)))
        elif kind == "patrol_seed_committed":
            history_by_commitment[commitment] = seed_history or _begin_history(entry)
        elif seed_history is not None:
            history_by_commitment[commitment] = _continue_history(seed_history, entry)
        elif kind == "bursts_planned":
            unsealed_plans.append(_plan_record(entry))
    histories = tuple(history_by_commitment.values())
    return SealRecords(histories, tuple(unsealed_plans), tuple(shares), tuple(trials))


def _text(entry: Entry, name: str) -> str:
    return str(entry.event.facts.get(name) or "")


def _texts(entry: Entry, names: Iterable[str]) -> dict[str, Any]:
    return {name: _text(entry, name) for name in names}


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _period(entry: Entry) -> dict[str, Any]:
    first_day = date.fromisoformat(_text(entry, "first_day") or "0001-01-01")
    return {"first_day": first_day, "days": int(_text(entry, "days") or 1)}


def _ground(entry: Entry) -> Ground:
    facts: Mapping[str, Any] = entry.event.facts
    positions_m = (position.partition(",") for position in facts.get("places") or ())
    return Ground(
        tuple(facts.get("units") or ()), tuple((int(east), int(north)) for east, _, north in positions_m)
    )


def _begin_history(entry: Entry) -> SeedHistory:
    return SeedHistory(
        commitment=_text(entry, "commitment"),
        seq=entry.seq,
        committed_at=entry.recorded_at,
        actor=entry.event.actor,
        version=_text(entry, "program"),
        reveal_after=_instant(_text(entry, "reveal_after")),
        ground=_ground(entry),
        **_period(entry),
        **_texts(entry, HISTORY_TEXTS),
    )


def _continue_history(history: SeedHistory, entry: Entry) -> SeedHistory:
    if entry.event.kind == "patrol_replan_begun":
        replan_note = ReplanNote(
            index=int(_text(entry, "replan") or 0),
            seq=entry.seq,
            recorded_at=entry.recorded_at,
            begins_at=_instant(_text(entry, "begins_at")),
            units=_ground(entry).units,
            **_texts(entry, ("area", "reason", "second")),
        )
        return replace(history, announced_replans=(*history.announced_replans, replan_note))
    if entry.event.kind == "bursts_planned":
        return replace(history, plans=(*history.plans, _plan_record(entry)))
    if entry.event.kind == "patrol_seed_revealed" and history.revealed_seq is None:
        share, secret = bytes.fromhex(_text(entry, "share")), None
        with suppress(ValueError, PlanError):  # what was opened may be no seed: the audit says so
            secret = Secret(bytes.fromhex(_text(entry, "seed")), bytes.fromhex(_text(entry, "nonce")))
        return replace(history, revealed_seq=entry.seq, secret=secret, share=share)
    return history


def _plan_record(entry: Entry) -> PlanRecord:
    counts: dict[str, Any] = {name: int(_text(entry, name) or 0) for name in ("replan", "bursts", "dropped")}
    return PlanRecord(entry.seq, entry.recorded_at, **_texts(entry, PLAN_TEXTS), **counts)
