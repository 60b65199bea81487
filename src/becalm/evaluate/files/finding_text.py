"""A finding as JSON, as rows and as the lines of a screen."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from becalm.evaluate.core.evaluation import Evaluation
from becalm.evaluate.core.finding import ArmTotals, ChoiceRow, NamedEstimate, Scale
from becalm.render import number_format as words
from becalm.terms import Estimate

DIGITS = 6
LEAST_P = 0.001  # that is shown as a number
FEW = 10.0  # offences: a difference of fewer is shown with one decimal


def finding_object(answer: Evaluation) -> dict[str, Any]:
    """The whole finding as plain data, with few digits."""
    finding = answer.finding
    return {
        "protocol": {
            "sha256": answer.protocol_sha256,
            "state": answer.state,
            "registered_at": answer.registered_at.isoformat() if answer.registered_at else None,
            "amended": answer.amended,
        },
        "design": answer.protocol.design,
        "question": answer.protocol.question,
        "estimates": [_named_object(effect) for effect in finding.estimates],
        "displacement": [_named_object(effect) for effect in finding.displacement],
        "identified": _rounded(asdict(finding.identified)) if finding.identified else None,
        "breakdown": estimate_object(finding.breakdown),
        "expected_by_selection": estimate_object(finding.expected_by_selection),
        "multiverse": [_choice_object(row) for row in finding.choices],
        "steps": [{"step": step.step, **_rounded(asdict(step.ratio))} for step in finding.steps],
        "totals": [_rounded(asdict(arm)) for arm in finding.totals],
        "checks": [asdict(check) for check in finding.checks],
        "refusals": [asdict(refusal) for refusal in finding.refusals],
        "words": answer.words,
        "data": {"source": answer.source, "as_of": str(answer.as_of)},
        "warnings": list(answer.warnings),
    }


def estimate_object(estimate: Estimate | None) -> dict[str, Any] | None:
    """An estimate with few digits."""
    return _rounded(asdict(estimate)) if estimate is not None else None


def _named_object(effect: NamedEstimate) -> dict[str, Any]:
    return {
        "name": effect.name,
        "scale": effect.scale,
        **_rounded(asdict(effect.estimate)),
        "p_value": _round(effect.p_value),
    }


def _choice_object(row: ChoiceRow) -> dict[str, Any]:
    estimate = estimate_object(row.estimate) or dict.fromkeys(("value", "low", "high", "level", "method"))
    return {
        "choices": row.choices,
        **estimate,
        "registered": row.is_registered,
        "refusal": row.refusal or None,
    }


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _round(value) if isinstance(value, float) else value for key, value in values.items()}


def _round(value: float) -> float | None:
    return round(value, DIGITS) if math.isfinite(value) else None


def finding_rows(answer: Evaluation) -> list[dict[str, Any]]:
    """One row for each estimate."""
    finding = answer.finding
    return [
        {"part": part, **_named_object(effect)}
        for part, estimates in (("effect", finding.estimates), ("displacement", finding.displacement))
        for effect in estimates
    ]


def estimate_texts(effect: NamedEstimate) -> tuple[str, str, str]:
    """Value, interval and p-value as a reader expects them: per cent on a ratio, offences on a difference."""
    estimate = effect.estimate
    show = SCALE_FORMATS[effect.scale]
    if effect.scale == "difference" and max(abs(estimate.low), abs(estimate.high)) < FEW:
        show = _show_few
    p_text = f"{effect.p_value:.3f}" if effect.p_value >= LEAST_P else f"< {LEAST_P}"
    return show(estimate.value), f"{show(estimate.low)} to {show(estimate.high)}", p_text


def _show_few(count: float) -> str:
    return words.with_sign(count, 1)


def _show_change(ratio: float) -> str:
    return words.percent(100.0 * (ratio - 1.0))


SCALE_FORMATS: Final[Mapping[Scale, Callable[[float], str]]] = {
    "ratio": _show_change,
    "difference": words.with_sign,
    "per 100 officer-hours": lambda value: f"{value:+.1f}".replace("-", "\N{MINUS SIGN}"),
}


def total_texts(arm: ArmTotals) -> tuple[str, ...]:
    """One arm as a reader expects it: units, before, after, officer-hours planned and delivered."""
    counts = ("withheld" if count is None else words.whole(count) for count in (arm.before, arm.after))
    hours = (
        "" if value is None else words.whole(value) for value in (arm.planned_hours, arm.delivered_hours)
    )
    return (arm.arm, words.whole(arm.unit_count), *counts, *hours)


def finding_lines(answer: Evaluation) -> Iterator[str]:
    """What the screen says below the table of estimates."""
    finding = answer.finding
    if (identified := finding.identified) is not None:
        yield (
            f"Worth {identified.effective_controls:,.0f} controls. Expected {identified.expected:,.0f}; "
            f"equal fits give {identified.low:,.0f} to {identified.high:,.0f}."
        )
    if finding.expected_by_selection is not None:
        fall = words.percent(100.0 * finding.expected_by_selection.value)
        yield f"Places with as many offences in the days that chose them change by {fall} with nothing done."
    if finding.breakdown is not None:
        yield (
            f"The conclusion falls if the trends part by {100 * finding.breakdown.low:.1f}% "
            "from one time to the next."
        )
    for check in finding.checks:
        yield f"{'holds' if check.holds else 'FAILS'}  {check.check}: {check.says}"
    for refusal in finding.refusals:
        yield f"Refused: {refusal.what}. Why: {refusal.why}."
        yield f"  Instead: {refusal.instead}."
