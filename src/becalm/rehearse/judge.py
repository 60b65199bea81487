"""What becalm said in a year beside what is true: one row for each figure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from becalm.rehearse import truth
from becalm.rehearse.delivery import cell_of
from becalm.rehearse.week import Note, Year
from becalm.simulate.time_profiles import REBOUND, day_number

LEVEL: Final = 0.95
RING_REACH_M: Final = 275.0  # radius and ring of the registered protocol
MONTH: Final = re.compile(r"\d{4}-\d{2}")
QUESTIONS: Final = {
    "change": "How far did each offence fall or rise?",
    "places": "Which places carry street violence?",
    "delivered": "How many visits were delivered?",
    "arrests": "How many arrests came from dedicated activity?",
    "roster": "Is the roster lawful, and who is missing?",
    "effect": "What did patrols do?",
    "displacement": "Did offences move next door?",
    "rebound": "Are numbers bouncing back?",
    "found by police": "Does what police find feed back into the list?",
    "ledger": "Does the ledger hold?",
    "tampering": "Is tampering seen?",
    "replay": "Can a run be repeated?",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was asked, what is true, what becalm said, and whether its interval holds that.

    `low` and `high` are equal to `said` where becalm counts and does not estimate.
    """

    question: str
    asked: str
    truth: float
    said: float
    low: float
    high: float

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth."""
        return bool(self.low - 1e-9 <= self.truth <= self.high + 1e-9)


def judge_year(year: Year, finding: Note | None) -> tuple[Row, ...]:
    """Every figure of the year beside the truth; `finding` is what the registered protocol answered."""
    return (
        *_changes(year),
        *_places(year),
        *_deliveries(year),
        *_rosters(year),
        *_rebound(year),
        *(_effect(year, finding) if finding else ()),
        *_checks(year),
    )


def _briefings(year: Year) -> list[Note]:
    return [note for note in year.notes if note["kind"] == "briefing"]


def _monthly(year: Year) -> list[Note]:
    """The last briefing about each month, when most of its records have arrived."""
    return list({note["period"]: note for note in _briefings(year)}.values())


def _changes(year: Year) -> Iterator[Row]:
    """Rates of this month over those of the same month a year ago, by offence that victims report."""
    levels, first_month = truth.month_levels(year.world, year.course)
    for note in _monthly(year):
        for change in note["changes"]:
            group = change["group"]
            has_interval = change["low"] and change["high"] and MONTH.fullmatch(change["baseline"])
            if not has_interval or not truth.is_found_by_victims(group):
                continue  # a mean of several years is no month, and is left to its years
            rows = truth.group_rows(group)
            new, old = (
                float(levels[rows, truth.month_of(month) - first_month].sum())
                for month in (note["period"], change["baseline"])
            )
            numbers = (float(change[name] or "nan") for name in ("ratio", "low", "high"))
            words = group.replace("_", " ")
            yield Row("change", f"{words}, {note['period']} to {change['baseline']}", new / old, *numbers)


def _places(year: Year) -> Iterator[Row]:
    """How many listed places truly belong on the list? Said: the sum of their P(top)."""
    for note in _monthly(year):
        if not note["places"]:
            continue
        count = len(note["places"])
        top = truth.top_cells(year.world, year.course, date.fromisoformat(note["day"]), count)
        true_count = sum(cell_of(place["place"]) in top for place in note["places"])
        chances = np.array([place["p_top"] for place in note["places"]])
        low, high = _sum_interval(chances)
        figure = f"places of the list of {note['day']} that are among the true {count}"
        yield Row("places", figure, true_count, float(chances.sum()), low, high)


def _sum_interval(chances: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The central 95 % of how many of these independent events happen."""
    law = np.ones(1)
    for chance in chances:
        law = np.convolve(law, [1 - chance, chance])
    below = np.cumsum(law)
    tail = (1 - LEVEL) / 2
    return float(np.searchsorted(below, tail)), float(np.searchsorted(below, 1 - tail))


def _deliveries(year: Year) -> Iterator[Row]:
    true_of_week = {note["week"]: note for note in year.notes if note["kind"] == "truth"}
    for note in year.notes:
        if note["kind"] == "delivered":
            said_count = float(note["visits"])
            true_count = true_of_week[note["week"]]["visits"]
            yield Row(
                "delivered",
                f"visits in week {note['week'] + 1}",
                true_count,
                said_count,
                said_count,
                said_count,
            )
        if note["kind"] == "arrests":
            said_count, true_count = float(note["count"]), true_of_week[note["week"]]["dedicated"]
            figure = f"arrests in week {note['week'] + 1}, each opened"
            opened_count = float(note["opened"])
            yield Row(
                "arrests",
                figure,
                true_count,
                said_count,
                min(said_count, opened_count),
                max(said_count, opened_count),
            )


def _rosters(year: Year) -> Iterator[Row]:
    """Rules that a roster breaks and officers that it lacks, counted from its file alone."""
    for note in year.notes:
        if note["kind"] == "roster":
            for name, words in (
                ("broken", "rules broken by the roster"),
                ("short", "officers short on tours"),
            ):
                said = float(note[f"{name}_said"])
                yield Row(
                    "roster", f"{words} of week {note['week'] + 1}", float(note[name]), said, said, said
                )


def _rebound(year: Year) -> Iterator[Row]:
    """Was there an alarm once the shock was passing (1: yes), and was there one before?"""
    watched = [note for note in _briefings(year) if note["alarms"]]
    if not watched or not year.world.scenario.city.outside_shock:
        return
    first_week = {
        (alarm["borough"], alarm["offence_group"]): alarm["since"]
        for note in reversed(watched)
        for alarm in note["alarms"]
        if alarm["state"] == "alarm"
    }
    onset = f"{REBOUND.isocalendar().year}-W{REBOUND.isocalendar().week:02d}"
    early = float(sum(since < onset for since in first_week.values()))
    late = float(any(since >= onset for since in first_week.values()))
    yield Row(
        "rebound",
        "series in alarm before the shock was passing",
        0.0,
        early,
        0.0 if early <= 1 else early,
        early,
    )
    if date.fromisoformat(watched[-1]["day"]) > REBOUND:
        yield Row("rebound", "an alarm once the shock was passing", 1.0, late, late, late)


def _effect(year: Year, finding: Note) -> Iterator[Row]:
    """The ratios of the trial, at the places and around them, by the registered protocol."""
    with (year.trial_folder / "arms.csv").open(newline="", encoding="utf-8") as file:
        arm_of = {
            (cell_of(row["hotspot"]), day_number(date.fromisoformat(row["day"]))): row["arm"]
            for row in csv.DictReader(file)
        }
    ratio = truth.trial_ratio(year.world, year.potential, year.log, arm_of)
    moved_ratio = truth.ring_ratio(
        year.world, year.potential, year.course.prevention, arm_of, reach_m=RING_REACH_M
    )
    for question, estimates, true_ratio in (
        ("effect", finding["estimates"], ratio),
        ("displacement", finding.get("displacement", ()), moved_ratio),
    ):
        estimate = next((e for e in estimates if e["scale"] == "ratio" and e["low"] is not None), None)
        if estimate is not None and true_ratio is not None:
            figure = f"{estimate['name']}, ratio of most to no patrol"
            yield Row(
                question, figure, true_ratio, *(float(estimate[name]) for name in ("value", "low", "high"))
            )


def _checks(year: Year) -> Iterator[Row]:
    """Counts of what must not happen: a ledger that does not hold, a replay that differs, feedback."""
    for note in year.notes:
        week = f"week {note.get('week', -1) + 1}"
        if note["kind"] == "ledger":
            sound = float(note["exit_code"] == 0)
            yield Row("ledger", f"holds in {week}", 1.0, sound, sound, sound)
        if note["kind"] == "tampered":
            is_seen = float(note["exit_code"] != 0)
            yield Row("tampering", f"altered in {week}, seen", 1.0, is_seen, is_seen, is_seen)
        if note["kind"] == "replay":
            equal = float(note["equal"])
            yield Row("replay", f"briefing of {week}, byte for byte", 1.0, equal, equal, equal)
        if note["kind"] == "feedback":
            drift = float(note["changed_share"])
            yield Row(
                "found by police", "share of the list that changes without them", 0.0, drift, drift, drift
            )


def side_findings(year: Year, finding: Note | None) -> tuple[Note, ...]:
    """What the world itself says beside becalm: what unpredictability saves, and what was refused."""
    return tuple(_side_findings(year, finding))


def _side_findings(year: Year, finding: Note | None) -> Iterator[Note]:
    spared = [note for note in year.notes if note["kind"] == "spared"]
    for prefix, words in (("", "with offenders who watch"), ("unwatched_", "with nobody watching")):
        if spared:
            own_sum, rival_sum, variance = (
                sum(note[f"{prefix}{name}"] for note in spared) for name in ("own", "rival", "variance")
            )
            half = 1.96 * variance**0.5
            saved = own_sum - rival_sum
            yield {
                "finding": f"offences that becalm's plan would save beside the rival's, {words}",
                "value": round(saved, 2),
                "low": round(saved - half, 2),
                "high": round(saved + half, 2),
            }
    if (weeks := _alarm_delay(year)) is not None:
        yield {"finding": "weeks from the return of the shock to the first alarm after it", "value": weeks}
    if finding is not None:
        yield {"finding": "what the protocol says", "words": finding["words"]}
    for note in year.notes:
        if note["kind"] == "refused":
            yield {"finding": "the protocol was refused", "words": note["why"]}


def _alarm_delay(year: Year) -> int | None:
    """How many weeks after the shock began to pass did a series come into alarm? None where none did."""
    days = [
        date.fromisoformat(note["day"])
        for note in _briefings(year)
        if date.fromisoformat(note["day"]) > REBOUND
        and any(alarm["state"] == "alarm" for alarm in note["alarms"])
    ]
    return (min(days) - REBOUND).days // 7 if days else None
