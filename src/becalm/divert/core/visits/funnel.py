"""How many of those who were selected were reached, offered help, and helped: denominators never move.

The denominator is everybody who was allocated, whatever became of them since: who left, moved or died stays
in it, as does who was never met.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median

from becalm.divert.core.visits import events
from becalm.divert.core.visits.history import entries_in_force
from becalm.divert.core.visits.providers import score_estimate
from becalm.ledger import Entry
from becalm.terms import Estimate

STAGES = (
    *("selected", "approved", "first_contact", "second_contact", "offered", "interested", "referred"),
    *("started", "completed"),
)
YEAR_2020 = {
    "selected": 1000,
    "first_contact": 669,
    "second_contact": 156,
    "interested": 62,
}
"""What was published of the programme of 2020: about 1,000 selected; starts and completions are unknown."""
FUNNEL_KINDS = (
    *(
        events.ALLOCATION,
        events.VISIT,
        events.ATTEMPT,
        events.OFFER,
        events.REFERRAL_SENT,
        events.REFERRAL_STARTED,
    ),
    *(events.REFERRAL_ENDED, "list_computed"),
)


@dataclass(slots=True)
class _Path:
    """When one person reached each stage, and what it took."""

    day_by_stage: dict[str, date] = field(default_factory=dict)
    attempts: int = 0
    is_not_at_address: bool = False
    wave: int = 1

    def reach(self, stage: str, day: date) -> None:
        self.day_by_stage.setdefault(stage, day)


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """How many reached a stage, as a share of the selected with its interval."""

    stage: str
    count: int | None  # withheld from oversight where it is small
    share: Estimate | None
    in_2020: int | None


@dataclass(frozen=True, slots=True)
class FunnelGroup:
    """The same counts in one group: its own denominator, as it was on the day of the allocation."""

    group: str
    counts: Mapping[str, int | None]  # withheld from oversight where small
    shares: Mapping[str, Estimate | None]  # of the group's own selected; by week of all selected


@dataclass(frozen=True, slots=True)
class Funnel:
    """The funnel as of a day."""

    as_of: date
    protocol: str
    stages: tuple[FunnelStage, ...]
    not_at_address: int | None
    attempts: int | None
    by_stage_days: Mapping[str, float]  # median days from the allocation to the stage
    groups: tuple[FunnelGroup, ...] = ()

    def count(self, stage: str) -> int:
        """How many reached this stage; 0 where that is withheld."""
        return next(s.count or 0 for s in self.stages if s.stage == stage)


def count_funnel(
    entries: Iterable[Entry],
    *,
    as_of: date,
    day_of: Callable[[datetime], date],
    protocol: str,
    by: str = "",
    group_by_person: Mapping[str, str] | None = None,
) -> Funnel:
    """How many of the selected reached each stage up to the end of a day?

    `day_of` gives the civil day of an instant. `by` is week (of the stage's day), wave, or area or age: then
    `group_by_person` says in which group each of the selected was on the day of the allocation.
    """
    selected_count, paths = 0, dict[str, _Path]()
    for entry in entries_in_force(entries):
        day = day_of(entry.event.occurred_at)
        if day > as_of:
            continue
        if entry.event.kind == "list_computed":
            selected_count = int(str(entry.event.facts["selected"])) if not paths else selected_count
        elif entry.event.kind == events.ALLOCATION:
            _allocate(paths, entry, day)
        elif entry.event.subject in paths:
            _walk(paths[entry.event.subject], entry, day)
    counts = {stage: sum(stage in p.day_by_stage for p in paths.values()) for stage in STAGES}
    counts["selected"] = max(selected_count, len(paths))
    stages = tuple(
        FunnelStage(s, counts[s], score_estimate(counts[s], counts["selected"]), YEAR_2020.get(s))
        for s in STAGES
    )
    return Funnel(
        as_of=as_of,
        protocol=protocol,
        stages=stages,
        not_at_address=sum(path.is_not_at_address for path in paths.values()),
        attempts=sum(path.attempts for path in paths.values()),
        by_stage_days=_median_days(list(paths.values())),
        groups=_groups(paths, by, group_by_person or {}, counts["selected"]),
    )


def _allocate(paths: dict[str, _Path], entry: Entry, day: date) -> None:
    wave = events.wave_of(entry)
    if wave is not None:
        path = paths.setdefault(str(entry.event.facts["unit"]), _Path(wave=wave))
        path.reach("selected", day)
        path.reach("approved", day)


def _walk(path: _Path, entry: Entry, day: date) -> None:
    kind, facts = entry.event.kind, entry.event.facts
    if kind == events.ATTEMPT:
        path.attempts += 1
        path.is_not_at_address |= facts["result"] in ("not_at_address", "moved", "wrong_address")
    elif kind == events.VISIT:
        path.attempts += 1
        path.reach("first_contact" if "first_contact" not in path.day_by_stage else "second_contact", day)
    elif kind == events.OFFER and facts["made"]:
        path.reach("offered", day)
        if facts["response"] == "interested":
            path.reach("interested", day)
    elif kind == events.REFERRAL_SENT:
        path.reach("referred", day)
    elif kind == events.REFERRAL_STARTED:
        path.reach("started", day)
    elif kind == events.REFERRAL_ENDED and facts["end_code"] == "completed":
        path.reach("completed", day)


def _median_days(paths: Sequence[_Path]) -> dict[str, float]:
    days: dict[str, list[int]] = defaultdict(list)
    for path in paths:
        for stage, day in path.day_by_stage.items():
            days[stage].append((day - path.day_by_stage["selected"]).days)
    return {stage: float(median(days[stage])) for stage in STAGES[2:] if days[stage]}


def _groups(
    paths: Mapping[str, _Path], by: str, group_by_person: Mapping[str, str], selected_count: int
) -> tuple[FunnelGroup, ...]:
    """The stages within each group. A week holds who reached a stage in it: its shares are of everybody."""
    if not by:
        return ()
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STAGES, 0))
    for person, path in paths.items():
        for stage, day in path.day_by_stage.items():
            group = {
                "wave": f"wave {path.wave:04d}",
                "week": f"{day.isocalendar().year}-W{day.isocalendar().week:02d}",
            }.get(by) or group_by_person.get(person, "unknown")
            counts[group][stage] += 1
    return tuple(
        FunnelGroup(
            group,
            dict(counts[group]),
            {
                stage: score_estimate(count, selected_count if by == "week" else counts[group]["selected"])
                for stage, count in counts[group].items()
            },
        )
        for group in sorted(counts)
    )


def _estimate_data(estimate: Estimate) -> dict[str, object]:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "level": estimate.level,
        "method": estimate.method,
    }


def funnel_data(funnel: Funnel) -> dict[str, object]:
    """The funnel as JSON says it: the stages in their order, then what stands beside them."""
    return {
        **{stage.stage: stage.count for stage in funnel.stages},
        "as_of": funnel.as_of.isoformat(),
        "protocol": funnel.protocol,
        "not_at_address": funnel.not_at_address,
        "attempts": funnel.attempts,
        "by_stage_days": dict(funnel.by_stage_days),
        "shares": {
            stage.stage: _estimate_data(stage.share) for stage in funnel.stages if stage.share is not None
        },
        "in_2020": dict(YEAR_2020),
        "groups": [
            {
                "group": group.group,
                **group.counts,
                "shares": {
                    stage: _estimate_data(share) for stage, share in group.shares.items() if share is not None
                },
            }
            for group in funnel.groups
        ],
    }
