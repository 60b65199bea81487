"""How the rules of a list, their prices and the overrides are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from becalm.console.emit import emit
from becalm.console.options import Format
from becalm.find.files.rules import decision_in_words, override_lines
from becalm.terms import PlaceDecision, RulePrice, Selection

BLEND = "blend"


def lines_of_rules(selection: Selection | None, finder: str, places: int) -> Iterator[str]:
    """The rules with their prices, how the list was chosen, and every decision that applied or did not."""
    if finder != BLEND:
        yield f"Chosen by the finder {finder}; what is expected and how sure it is are becalm's own answers."
    if selection is None:
        return
    if selection.hours:
        yield f"For the hours {selection.hours} of every day: what is expected is expected in these hours."
    written = f" (rules by {selection.author}, {selection.written_on})" if selection.author else ""
    expected = f"{selection.expected:,.1f} {selection.unit} expected in 30 days on the list"
    yield f"Rules{written}: {expected}; {selection.how}."
    yield from (f"  {price_in_words(price, selection.unit)}" for price in selection.prices)
    yield from override_lines(selection, places)


def price_in_words(price: RulePrice, unit: str = "incidents") -> str:
    """What a rule costs, e.g. "at most 9 in Camden: one more would add 0.3 incidents"."""
    parts = []
    if price.relaxed is not None and price.unit != "the decision":
        parts.append(f"{price.unit} would add {price.relaxed:.2f} {unit}")
    if price.removed is not None:
        parts.append(f"without the rule {price.removed:.2f} more{'' if parts else ' ' + unit}")
    return f"{price.rule}: {', '.join(parts) or 'cannot be priced'}"


def print_overrides(decisions: Sequence[PlaceDecision], format: Format) -> None:
    """Print the overrides that hold, as asked."""
    rows = [
        {
            "place": d.place_id,
            "decision": "include" if d.include else "leave_out",
            "reason": d.reason,
            "by": d.by,
            "on": str(d.on),
            "until": str(d.until) if d.until else None,
            "entry": d.entry,
        }
        for d in decisions
    ]
    lines = [decision_in_words(d) for d in decisions] or ["No override holds."]
    emit(format, lines=lines, told=rows, rows=rows)
