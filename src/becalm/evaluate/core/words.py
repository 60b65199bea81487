"""What may be said of a finding: the verb follows the design, not the wish.

Only a draw lets one say that something was reduced by what was done. A comparison with places that were not
drawn says that counts were lower than expected, and with which doubt. Everything else fell.
"""

from collections.abc import Iterator

from becalm.evaluate.core.finding import Finding, NamedEstimate
from becalm.evaluate.core.protocol import Design, State

DOUBTS: dict[Design, str] = {
    "trial": "by the draw alone, whatever else happened",
    "starts": "by the draw of the starts alone, if each start does as much as another",
    "offer": "by the sealed order alone, whatever else happened",
    "interrupted": "if both series would have kept to their expected levels, or left them alike",
    "displacement": "if treated and control places would otherwise have changed by as many offences",
    "difference": "if treated and control places would otherwise have changed by the same share",
    "calibrated": "if places that were alike before would have stayed alike",
}


def describe_finding(finding: Finding, design: Design, state: State) -> str:
    """One paragraph in plain words: what was seen, how sure it is, and on what it rests."""
    if finding.main is None:
        refused_questions = "; ".join(refusal.what for refusal in finding.refusals)
        sentences = [f"This question has no answer as it was put. Refused: {refused_questions}."]
        sentences += _describe_refused_fall(finding)
        return " ".join(sentences)
    failures = [check.check for check in finding.checks if not check.holds]
    may_claim = design == "trial" and not failures
    sentences = [_describe_effect(finding.main, may_claim=may_claim), f"This holds {DOUBTS[design]}."]
    if failures:
        sentences.append(f"What it needs was not so: {'; '.join(failures)}.")
    if finding.expected_by_selection is not None:
        fall = -100.0 * finding.expected_by_selection.value
        sentences.append(f"Places chosen as these were fall by {fall:.0f}% with nothing done.")
    if state == "exploratory":
        sentences.append("No protocol was registered, so this is a search for questions, not an answer.")
    elif state == "registered late":
        sentences.append("The protocol was registered after the outcome was on record.")
    return " ".join(sentences)


def _describe_refused_fall(finding: Finding) -> Iterator[str]:
    """The change that was asked about, with the fall beside it that nothing explains."""
    treated = next((arm for arm in finding.totals if arm.arm == "treated"), None)
    if treated is None or treated.before is None or treated.after is None:
        return
    yield describe_change(treated.before, treated.after)
    if finding.expected_by_selection is not None:
        fall = -100.0 * finding.expected_by_selection.value
        yield f"Places chosen as these were fall by {fall:.0f}% with nothing done: this says nothing."


def _describe_effect(effect: NamedEstimate, *, may_claim: bool) -> str:
    """One sentence. Only of a trial whose checks hold may it be said that patrols reduced anything."""
    estimate = effect.estimate
    interval = f"{100.0 * estimate.level:.3g}% interval"
    is_fall = estimate.value < (1.0 if effect.scale == "ratio" else 0.0)
    if effect.scale == "ratio":
        low, value, high = (100.0 * (x - 1.0) for x in (estimate.low, estimate.value, estimate.high))
        size, bounds = f"{abs(value):.0f}%", f"from {format_signed(low)}% to {format_signed(high)}%"
    else:
        size, bounds = (
            f"{abs(estimate.value):,.0f}",
            f"from {format_signed(estimate.low)} to {format_signed(estimate.high)}",
        )
    if may_claim and effect.shows_effect:
        verb = "reduced" if is_fall else "raised"
        return f"The patrols that were drawn {verb} the count by {size} ({interval} {bounds})."
    direction = "lower" if is_fall else "higher"
    if effect.shows_effect:
        return f"The count was {size} {direction} than expected ({interval} {bounds})."
    return f"The count was {size} {direction} than expected, which chance can explain ({interval} {bounds})."


def format_signed(number: float) -> str:
    """A whole number with its sign; the minus is that of the tables."""
    return f"{number:+,.0f}".replace("-", "−")


def describe_change(before: float, after: float) -> str:
    """What a count did, and no more: the verb for everything that rests on no comparison."""
    if before <= 0.0:
        return f"The count went from 0 to {after:,.0f}."
    change = 100.0 * (after / before - 1.0)
    verb = "fell" if change < 0 else "rose"
    return f"The count {verb} by {abs(change):.0f}%, from {before:,.0f} to {after:,.0f} in as many days."
