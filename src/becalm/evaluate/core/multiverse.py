"""The same question under every other choice that the protocol lists: none is picked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from becalm.evaluate.core.finding import ChoiceRow, Finding
from becalm.evaluate.core.protocol import Protocol


def run_choices(
    protocol: Protocol, registered_finding: Finding, answer: Callable[[Protocol], Finding]
) -> tuple[ChoiceRow, ...]:
    """One row for each combination of the listed choices; the registered one comes first and is marked.

    `answer` runs the recipe on another protocol. Only ratios stand beside each other, since differences
    depend on the length of a window.
    """
    registered_row = _build_row(protocol, registered_finding, is_registered=True)
    other_rows = (_build_row(choice, answer(choice), is_registered=False) for choice in _vary(protocol))
    return (registered_row, *other_rows)


def _vary(protocol: Protocol) -> Iterator[Protocol]:
    choices, windows = protocol.choices, protocol.windows
    befores = (windows.before, *choices.before)
    radii_m = (protocol.places.radius_m, *choices.radius_m)
    designs = (protocol.design, *choices.designs)
    for before, radius_m, design in dict.fromkeys(product(befores, radii_m, designs)):
        if (before, radius_m, design) == (windows.before, protocol.places.radius_m, protocol.design):
            continue
        yield replace(
            protocol,
            design=design,
            places=replace(protocol.places, radius_m=radius_m),
            windows=replace(windows, before=before),
        )


def _build_row(protocol: Protocol, finding: Finding, *, is_registered: bool) -> ChoiceRow:
    label = f"{protocol.design}, {protocol.windows.before.start:%Y-%m} on, {protocol.places.radius_m:g} m"
    ratio = next((effect.estimate for effect in finding.estimates if effect.scale == "ratio"), None)
    if ratio is None and not finding.refusals:
        return ChoiceRow(label, None, is_registered, "no ratio: an arm has no event in a window")
    return ChoiceRow(label, ratio, is_registered, "; ".join(refusal.what for refusal in finding.refusals))
