"""The places of a study with their counts, and what their design refuses before an effect is estimated."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from becalm.evaluate.core.finding import Refusal
from becalm.evaluate.core.protocol import Protocol
from becalm.methods.arrays import Bools, Floats
from becalm.terms import Fault, InputError

LEAST_PLACES = 5  # in an arm: below, nothing says how places vary
LEAST_EVENTS = 20.0  # per arm before the start
LEAST_TIMES: Final = 3  # before the start, for trends and dispersion to show


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlaces:
    """The places: their names, arms and covariates (places x covariates), in metres of the city's system."""

    names: tuple[str, ...]
    is_treated: Bools
    easting_m: Floats
    northing_m: Floats
    covariates: Floats
    clusters: tuple[str, ...] = ()  # what varies together, e.g. an area; empty: each place by itself
    starts: tuple[date | None, ...] = ()  # of the treatment, None for a control; empty: all at once


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCounts:
    """Weighted counts by place, of every window. `panel` (places x times) runs over both.

    `group_counts` (offence groups x places x before, after) are not weighted. `ring_before` and `ring_after`
    are of the ring around each place, without ground that a place or an earlier ring covers.
    """

    places: StudyPlaces
    before: Floats
    after: Floats
    group_counts: Floats
    group_weights: Floats
    chosen_on: Floats | None
    matching: Floats  # places x windows
    panel: Floats
    panel_start: int  # the first column of the days after the start
    ring_before: Floats
    ring_after: Floats
    before_days: int
    after_days: int
    panel_days: Floats = field(default_factory=lambda: np.zeros(0))  # of each time of the panel


def check_counts(counts: StudyCounts) -> None:
    """Raise InputError with everything that is no count: holes, numbers below 0, parts without weights."""
    faults = []
    has_weights = bool((counts.group_weights != 1.0).any())
    for name in ("before", "after", "matching", "panel", "ring_before", "ring_after"):
        values = np.asarray(getattr(counts, name), dtype=np.float64)
        checks = [
            (~np.isfinite(values), "holes", "fill them, or leave the places out"),
            (values < 0.0, "numbers below 0", "give counts"),
        ]
        if not has_weights:
            checks.append((values % 1.0 > 0.0, "parts of an offence", "give whole counts, or weights"))
        faults += [
            Fault(f"counts {name}", f"hold {int(is_bad.sum())} {problem}", remedy)
            for is_bad, problem, remedy in checks
            if is_bad.any()
        ]
    if faults:
        raise InputError(f"The counts have {len(faults)} faults", tuple(faults))


def find_refusals(protocol: Protocol, counts: StudyCounts) -> tuple[Refusal, ...]:
    """What this design must not answer, each with what would be valid instead."""
    return (
        *_refuse_selection(protocol),
        *_refuse_nearness(protocol, counts.places),
        *_refuse_few(protocol, counts),
    )


def _refuse_selection(protocol: Protocol) -> Iterator[Refusal]:
    chosen_on, windows = protocol.places.chosen_on, protocol.windows
    if chosen_on is None:
        return
    if chosen_on.overlaps(windows.before):
        yield Refusal(
            "before and after of places that were chosen for their counts before",
            f"the places were chosen on {chosen_on}, which shares days with the window before "
            f"({windows.before}): they had bad luck then, and fall by themselves",
            "name a window before that lies apart from the days that chose them, or draw places at random "
            "from the list with `becalm patrol trial`",
        )
    overlapping = [str(w) for w in windows.matching if w.overlaps(chosen_on)]
    if protocol.design == "calibrated" and overlapping:
        yield Refusal(
            "matching on the days that chose the treated places",
            f"{'; '.join(overlapping)} share days with {chosen_on}: controls that had bad luck by chance are "
            "matched to places that were chosen for theirs",
            "match on other windows",
        )


def _refuse_nearness(protocol: Protocol, places: StudyPlaces) -> Iterator[Refusal]:
    """A control that shares ground with a treated place, or lies where crime may have moved to."""
    least_gap_m = 2.0 * protocol.places.radius_m + protocol.places.ring_m
    gaps_m = _control_gaps_m(places)
    near_count = int((gaps_m < least_gap_m).sum())
    if near_count:
        refused_question = (
            "controls inside a ring" if protocol.places.ring_m else "controls on treated ground"
        )
        yield Refusal(
            refused_question,
            f"{near_count} of {len(gaps_m)} controls lie less than {least_gap_m:.0f} m from a treated place: "
            "what was done there, or moved from there, is counted as no action",
            "leave these controls out, or make the places and their rings smaller",
        )


def _refuse_few(protocol: Protocol, counts: StudyCounts) -> Iterator[Refusal]:
    is_treated = counts.places.is_treated
    for arm, is_in_arm in (("treated", is_treated), ("control", ~is_treated)):
        place_count, event_count = int(is_in_arm.sum()), float(counts.before[is_in_arm].sum())
        if place_count < LEAST_PLACES:
            yield Refusal(
                f"an estimate with {place_count} {arm} places",
                f"nothing says how {arm} places vary by themselves",
                f"name {LEAST_PLACES} or more, or compare the whole area with its own past: "
                "`becalm measure expected`",
            )
        elif event_count < LEAST_EVENTS:
            yield Refusal(
                f"an estimate on {event_count:g} offences before the start in the {arm} places",
                "an interval would hold almost everything",
                "take more places, a longer window, or a wider group of offences",
            )
    if protocol.design == "calibrated":
        set_size, control_count = int(is_treated.sum()), int((~is_treated).sum())
        if control_count < 4 * set_size:
            yield Refusal(
                f"calibrated control with {control_count} controls for {set_size} treated places",
                "placebo sets of the same size would be almost the same places again and again",
                "name at least four controls for each treated place, or use the design `difference`",
            )


def _control_gaps_m(places: StudyPlaces) -> Floats:
    """How far each control is from its nearest treated place."""
    points = np.column_stack([places.easting_m, places.northing_m])
    return np.asarray(cKDTree(points[places.is_treated]).query(points[~places.is_treated])[0])
