"""What may be said of a finding: the verb follows the design, not the wish.

Only a draw lets one say that something was reduced by what was done. A comparison with places that were not
drawn says that counts were lower than expected, and with which doubt. Everything else fell.
"""

from becalm.evaluate.core.finding import Finding, NamedEstimate
from becalm.evaluate.core.protocol import Design, State

DOUBTS: dict[Design, str] = {
    "displacement": "if treated and control places would otherwise have changed by as many offences",
    "difference": "if treated and control places would otherwise have changed by the same share",
    "calibrated": "if places that were alike before would have stayed alike",
}


def describe_finding(finding: Finding, design: Design, state: State) -> str:
    """One paragraph in plain words: what was seen, how sure it is, and on what it rests."""
    if finding.main is None:
        refused_questions = "; ".join(refusal.what for refusal in finding.refusals)
        return f"This question has no answer as it was put. Refused: {refused_questions}."
    sentences = [_describe_effect(finding.main), f"This holds {DOUBTS[design]}."]
    failures = [check.check for check in finding.checks if not check.holds]
    if failures:
        sentences.append(f"What it needs was not so: {'; '.join(failures)}.")
    if finding.expected_by_selection is not None:
        fall = -100.0 * finding.expected_by_selection.value
        sentences.append(f"Places chosen as these were fall by {fall:.0f} % with nothing done.")
    if state == "exploratory":
        sentences.append("No protocol was registered, so this is a search for questions, not an answer.")
    elif state == "registered late":
        sentences.append("The protocol was registered after the outcome was on record.")
    return " ".join(sentences)


def _describe_effect(effect: NamedEstimate) -> str:
    estimate = effect.estimate
    interval = f"{estimate.level:.0%} interval".replace("%", " %")
    if effect.scale == "ratio":
        low, value, high = (100.0 * (x - 1.0) for x in (estimate.low, estimate.value, estimate.high))
        size = f"{abs(value):.0f} % {'lower' if value < 0 else 'higher'} than expected"
        bounds = f"from {low:+.0f} % to {high:+.0f} %"
    else:
        size = f"{abs(estimate.value):,.0f} {'lower' if estimate.value < 0 else 'higher'} than expected"
        bounds = f"from {estimate.low:+,.0f} to {estimate.high:+,.0f}"
    if effect.shows_effect:
        return f"The count was {size} ({interval} {bounds})."
    return f"The count was {size}, which chance can explain ({interval} {bounds})."
