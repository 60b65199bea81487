"""Power as JSON, as rows and as the lines of a screen."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from becalm.evaluate.core.power import PowerReport
from becalm.terms import Estimate


def power_object(report: PowerReport) -> dict[str, Any]:
    """The whole answer as plain data, with few digits."""
    return {
        "design": report.design,
        "runs": report.runs,
        "days": report.days,
        "places": report.places,
        "unit": report.unit,
        "planted": asdict(report.planted_effect),
        "expected_events": round(report.expected_events, 2),
        "power": _rounded(report.power),
        "power_at_no_effect": _rounded(report.size),
        "intervals_that_held_it": _rounded(report.covered),
        "error": round(report.error, 5),
        "bias": round(report.bias, 5),
        "detectable": [{"weeks": weeks, "effect": round(effect, 4)} for weeks, effect in report.detectable],
        "detectable_by_places": [
            {"places": places, "effect": round(effect, 4)} for places, effect in report.detectable_by_places
        ],
        "looks": [asdict(look) for look in report.looks],
        "first_useful_week": report.first_useful_week,
        "level": report.level,
        "method": report.method,
    }


def _rounded(estimate: Estimate) -> dict[str, Any]:
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(estimate).items()}


def power_rows(report: PowerReport) -> list[dict[str, Any]]:
    """One row for each length of the study, or number of people: the smallest effect that it finds."""
    if report.unit != "places":
        return [
            {report.unit: count, "detectable_effect": round(effect, 4)}
            for count, effect in report.detectable_by_places
        ]
    return [{"weeks": weeks, "detectable_effect": round(effect, 4)} for weeks, effect in report.detectable]


def power_lines(report: PowerReport) -> Iterator[str]:
    """What a reader of the screen wants to know."""
    planted_effect = report.planted_effect
    yield (
        f"{report.runs:,} made-up studies ({report.method}): {report.places:,} {report.unit}, "
        f"{report.days} days, about {report.expected_events:,.0f} offences with nothing done."
    )
    yield f"  power         {_share(report.power)} to find that {planted_effect.effect:.0%} are prevented"
    size, level = f"{100 * (1 - report.level):.3g}%", f"{100 * report.level:.3g}%"
    yield f"  at no effect  {_share(report.size)} are called an effect; it should be {size}"
    yield f"  intervals     {_share(report.covered)} hold what was planted; it should be {level}"
    if planted_effect.displaced or planted_effect.delay_days:
        delay_text = f"{planted_effect.delay_days} days of delay"
        yield f"  with          {planted_effect.displaced:.0%} displaced, {delay_text}"
    if report.detectable:
        yield "Smallest effect that is found four times in five:"
    for weeks, effect in report.detectable:
        yield f"  {weeks:>3} weeks  {effect:.0%}"
    yield f"With other {report.unit} like these, in {report.days} days:"
    for places, effect in report.detectable_by_places:
        yield f"  {places:>5,} {report.unit}  {effect:.0%}"
    for look in report.looks:
        yield f"Look in week {look.week}: stop below p = {look.p_below:.5f}; a chance of {look.chance:.0%}."
    if report.unit != "places":
        return
    if report.first_useful_week:
        yield f"A look before the end is worth taking from week {report.first_useful_week} on."
    else:
        yield "No look before the end is worth taking."


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
