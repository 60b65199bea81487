"""How a period compares with one or more baselines, group by group, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

from becalm.measure.core.baseline import Baseline
from becalm.measure.core.request import Align
from becalm.terms import Gap, OffenceGroup, Period, Step

if TYPE_CHECKING:
    from becalm.measure.core.completeness import KnownShare
    from becalm.tables import CountTable  # NumPy would make --help slow

ROW_KEYS: Final = (
    "group",
    "new",
    "old",
    "difference",
    "change_percent",
    "ratio",
    "low",
    "high",
    "method",
    "found_by",
    "p_value",
    "q_value",
)
Record = dict[str, Any]
Verdict = Literal["fall", "rise", "unclear"]


@dataclass(frozen=True, slots=True)
class LevelShift:
    """Where a level shifted, by how much, and who says why (`reason` is empty where it was found)."""

    on: date
    change_percent: float
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.on:%Y-%m} ({self.change_percent:+.0f}%{', ' + self.reason if self.reason else ''})"


@dataclass(frozen=True, slots=True)
class NoiseBasis:
    """Which years the noise of the total was learned from, which were left out and why, and its drift.

    `drift_percent` is by how much the level drifts in a usual year, as a standard deviation.
    """

    learned_from: tuple[Period, ...]
    left_out: tuple[tuple[Period, str], ...]
    shifts: tuple[LevelShift, ...]
    noise_phi: float
    drift_percent: float

    def as_record(self) -> Record:
        """The basis as other programs read it; each `end` is the day after."""
        return {
            "learned_from": [_window_record(span) for span in self.learned_from],
            "left_out": [{**_window_record(span), "reason": reason} for span, reason in self.left_out],
            "level_shifts": [
                {"on": str(s.on), "change_percent": round(s.change_percent, 1), "reason": s.reason}
                for s in self.shifts
            ],
            "noise": round(self.noise_phi, 3),
            "drift_percent_a_year": round(self.drift_percent, 1),
        }


@dataclass(frozen=True, slots=True)
class ComparisonContext:
    """What a comparison should know beside the counts; each may be missing.

    `groups` give labels and reasons; `holidays` names by day; `left_out` the counts of offence groups
    that are in no total; `gaps` the months that the source covers badly; `covered` the days that it
    covers at all (without it: those of the counts); `only` the offence groups that were asked for; `steps`
    the declared shifts of level; `counted_unit` what is counted; `known_shares` how much of the period is on
    record by now, of the groups of which some is still to come.
    """

    groups: Mapping[str, OffenceGroup] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    left_out: CountTable | None = None
    gaps: Sequence[Gap] = ()
    covered: Period | None = None
    only: tuple[str, ...] = ()
    steps: Sequence[Step] = ()
    counted_unit: str = "offences"
    known_shares: Mapping[str, KnownShare] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One group in the period (`new`) and in the baseline (`old`).

    `ratio` is that of the daily rates, new over old, with the interval `low` to `high` at the
    comparison's level; below 1 is a fall. `old` is a mean where the baseline is several years.
    None stands for what cannot or should not be given; `notes` says why. An unbounded `high` is
    infinite. `overdispersion` is the factor by which the interval's variance was widened (1: none).
    A row that `is_withheld` from a public table holds no number that means anything.
    """

    group: str
    label: str
    new: int
    old: float
    difference: float
    change_percent: float | None
    ratio: float | None
    low: float
    high: float
    method: str
    found_by: str
    p_value: float | None
    q_value: float | None
    overdispersion: float
    notes: tuple[str, ...] = ()
    is_withheld: bool = False

    def verdict(self, level: float) -> Verdict:
        """Did this group fall, rise, or could chance alone have done it?

        The limit is on the p-value corrected for the number of groups looked at, where there is one, and
        the interval must agree with it.
        """
        p = self.q_value if self.q_value is not None else self.p_value
        if p is None or p > 1.0 - level:
            return "unclear"
        if self.high < 1.0:
            return "fall"
        return "rise" if self.low > 1.0 else "unclear"

    @property
    def change_low_percent(self) -> float | None:
        """The change at the lower end of the interval, where a percentage may be given at all."""
        return None if self.change_percent is None else 100.0 * (self.low - 1.0)

    @property
    def change_high_percent(self) -> float | None:
        """The change at the upper end of the interval, where a percentage may be given at all."""
        return None if self.change_percent is None else 100.0 * (self.high - 1.0)

    def as_record(self) -> Record:
        """The row as other programs read it: rounded, null where there is no number."""
        if self.is_withheld:
            identity_fields = {"group": self.group, "found_by": self.found_by, "label": self.label}
            return {
                **dict.fromkeys(ROW_KEYS),
                **identity_fields,
                "notes": list(self.notes),
                "overdispersion": None,
            }
        return {
            "group": self.group,
            "new": self.new,
            "old": _round(self.old, 1),
            "difference": _round(self.difference, 1),
            "change_percent": _round(self.change_percent, 1),
            "ratio": _round(self.ratio, 6),
            "low": _round(self.low, 6),
            "high": _round(self.high, 6),
            "method": self.method,
            "found_by": self.found_by,
            "p_value": _round_p(self.p_value),
            "q_value": _round_p(self.q_value),
            "label": self.label,
            "overdispersion": _round(self.overdispersion, 3),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Contrast:
    """A period against one baseline: every group, and their total where they do not overlap.

    `unmatched` are days of the period or of the baseline that had no partner and were left out.
    Where there are no records of `missing_months`, only counts are given.
    """

    baseline: Baseline
    total: ComparisonRow | None
    rows: tuple[ComparisonRow, ...]
    unmatched: tuple[date, ...] = ()
    missing_months: tuple[str, ...] = ()

    @property
    def all_rows(self) -> tuple[ComparisonRow, ...]:
        """The total, where there is one, and every group."""
        return (*filter(None, (self.total,)), *self.rows)

    def as_record(self) -> Record:
        """The contrast as other programs read it."""
        return {
            "label": self.baseline.label,
            "alignment": self.baseline.alignment,
            "windows": [_window_record(window) for window in self.baseline.windows],
            "unmatched_days": [str(day) for day in self.unmatched],
            "missing_months": list(self.missing_months),
            "total": self.total and self.total.as_record(),
            "rows": [row.as_record() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A period against its baselines, side by side; the first is the one that was asked for.

    `offence_groups` are those that were asked for, where not all were; `counted_unit` says what is counted
    ("offences", "victims"). The records of `doubtful_months` look incomplete, doubled or far too low. `noise`
    says what the noise of the total was learned from.
    """

    by: str
    period: Period
    against: tuple[Contrast, ...]
    source: str
    as_of: date
    level: float
    align: Align
    offence_groups: tuple[str, ...] = ()
    counted_unit: str = "offences"
    doubtful_months: tuple[str, ...] = ()
    noise: NoiseBasis | None = None
    warnings: tuple[str, ...] = ()

    @property
    def windows(self) -> tuple[Period, ...]:
        """The period, and every window of every baseline."""
        return (self.period, *(window for contrast in self.against for window in contrast.baseline.windows))

    @property
    def baseline(self) -> Baseline:
        """The baseline that was asked for."""
        return self.against[0].baseline

    @property
    def missing_months(self) -> tuple[str, ...]:
        """The months of the period or of the baseline asked for that there are no records of."""
        return self.against[0].missing_months

    @property
    def total(self) -> ComparisonRow | None:
        """All groups together, against the baseline that was asked for; None where groups overlap."""
        return self.against[0].total

    @property
    def all_rows(self) -> tuple[ComparisonRow, ...]:
        """The total, where there is one, and every group, against the baseline that was asked for."""
        return self.against[0].all_rows

    @property
    def rows(self) -> tuple[ComparisonRow, ...]:
        """Every group, against the baseline that was asked for."""
        return self.against[0].rows

    def as_record(self) -> Record:
        """The comparison as other programs read it; `end` is the day after the last one counted."""
        return {
            "period": _window_record(self.period),
            "baseline": _window_record(self.baseline.span),
            "source": self.source,
            "as_of": str(self.as_of),
            "level": self.level,
            "warnings": list(self.warnings),
            "total": self.total and self.total.as_record(),
            "rows": [row.as_record() for row in self.rows],
            "by": self.by,
            "align": self.align,
            "offence_groups": list(self.offence_groups),
            "baselines": [contrast.as_record() for contrast in self.against],
            "counted": self.counted_unit,
            "doubtful_months": list(self.doubtful_months),
            "noise": self.noise and self.noise.as_record(),
        }


def _window_record(period: Period) -> Record:
    return {"start": str(period.start), "end": str(period.end)}


def _round(value: float | None, places: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(value, places)


def _round_p(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.4g}")
