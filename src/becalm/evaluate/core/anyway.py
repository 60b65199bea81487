"""Would it have fallen anyway? What each other reason would explain alone, and what may be left: a range.

A fall against the expected level is not yet an effect. Each other reason that counts can show (what happened
to offences that nobody aimed at, how much people were out) gives a level of its own, and what is left beside
it. Reasons overlap and none of them is sure, so what is left is a range and never a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from becalm.evaluate.core.words import format_signed
from becalm.terms import Estimate, Period


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: the level it would give alone (a share of the expected count), and what is left beside it.

    All are shares: `left_low` -0.4 says that two fifths more fell than the reason explains, at most.
    """

    name: str
    level_low: float
    level_high: float
    left_low: float
    left_high: float
    says: str


@dataclass(frozen=True, slots=True)
class AnywayReport:
    """The change against the expected level, each reason alone, and the range of what may be left."""

    period: Period
    offence_groups: tuple[str, ...]
    count: int
    expected: Estimate
    ratio: Estimate
    reasons: tuple[Reason, ...]
    left_low: float
    left_high: float
    limits: tuple[str, ...]  # why no more can be said
    source: str
    as_of: str

    @property
    def words(self) -> str:
        """One paragraph: what was seen, and between which bounds what was done may have changed it."""
        change_percent = 100.0 * (self.ratio.value - 1.0)
        verb = "fell" if change_percent < 0.0 else "rose"
        bounds = " to ".join(
            f"{format_signed(100.0 * (x - 1.0))}%" for x in (self.ratio.low, self.ratio.high)
        )
        return (
            f"Against its expected level the count {verb} by {abs(change_percent):.0f}% (from {bounds}). "
            f"With what else was going on, what was done may stand for anything from "
            f"{format_signed(100.0 * self.left_low)}% to {format_signed(100.0 * self.left_high)}%. "
            "The records say no more."
        )


@dataclass(frozen=True, slots=True)
class Mobility:
    """How much people were out in the period (1: as usual), and how strongly offences follow, by powers."""

    share: float
    power_low: float
    power_high: float


def attribute_change(
    ratio: Estimate, control: Estimate | None, mobility: Mobility | None
) -> tuple[Reason, ...]:
    """What is left of the change beside each reason alone, and beside all together?

    `ratio` and `control` are counted over expected, of the offences in question and of others.
    """
    reasons = [
        Reason(
            "chance and drift",
            1.0,
            1.0,
            ratio.low - 1.0,
            ratio.high - 1.0,
            "the expected level by the times before, and nothing else",
        )
    ]
    levels: list[tuple[float, float]] = []
    if control is not None:
        levels.append((control.low, control.high))
        control_text = f"what was not aimed at stood at {100.0 * control.value:.0f}% of its expected level"
        reasons.append(_reason("what happened to other offences", ratio, levels[-1], control_text))
    if mobility is not None:
        range_ends = sorted((mobility.share**mobility.power_low, mobility.share**mobility.power_high))
        levels.append((range_ends[0], range_ends[1]))
        control_text = (
            f"people were out {100.0 * mobility.share:.0f}% as much as usual, and offences follow "
            f"by a power from {mobility.power_low:g} to {mobility.power_high:g}"
        )
        reasons.append(_reason("how little people were out", ratio, levels[-1], control_text))
    if len(levels) > 1:
        # They overlap: together they explain at least what the lesser does, at most both in full.
        level_range = (levels[0][0] * levels[1][0], max(level[1] for level in levels))
        reasons.append(_reason("both together", ratio, level_range, "they overlap by an unknown share"))
    return tuple(reasons)


def _reason(name: str, ratio: Estimate, level: tuple[float, float], says: str) -> Reason:
    low, high = level
    return Reason(name, low, high, ratio.low / high - 1.0, ratio.high / low - 1.0, says)


def join_report(
    *,
    period: Period,
    offence_groups: Sequence[str],
    count: int,
    expected: Estimate,
    ratio: Estimate,
    reasons: tuple[Reason, ...],
    source: str,
    as_of: str,
) -> AnywayReport:
    """The whole answer: the range over all reasons, and why it cannot be narrower."""
    limits = [
        "everything changed at once, everywhere: no place shows what would have happened without it",
        "an expected level carries the past forward; it knows nothing of a year like no other",
    ]
    if len(reasons) == 1:
        limits.append("no other offences and no mobility were named, so nothing stands beside the fall")
    return AnywayReport(
        period=period,
        offence_groups=tuple(offence_groups),
        count=count,
        expected=expected,
        ratio=ratio,
        reasons=reasons,
        left_low=min(reason.left_low for reason in reasons),
        left_high=max(reason.left_high for reason in reasons),
        limits=tuple(limits),
        source=source,
        as_of=as_of,
    )
