"""What places were like before the start: the past that made-up studies are drawn from."""

from dataclasses import replace
from datetime import date

import numpy as np

from becalm.evaluate.core.count_study import BLOCK_DAYS, DatedPoints, count_around
from becalm.evaluate.core.power import WEEK, TrialPast
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts, StudyPlaces
from becalm.evaluate.core.trial_study import TrialArms
from becalm.methods.arrays import Floats
from becalm.methods.selection_fall import fall_by_selection
from becalm.terms import Period, QuestionError

LEAST_WEEKS = 8  # of the past, that made-up trials are drawn from


def as_places(arms: TrialArms) -> StudyPlaces:
    """The places of a trial as a list of places, each of them treated on some days."""
    return StudyPlaces(
        names=arms.places,
        is_treated=np.ones(len(arms.places), dtype=bool),
        easting_m=arms.easting_m,
        northing_m=arms.northing_m,
        covariates=np.zeros((len(arms.places), 0)),
    )


def count_past(protocol: Protocol, places: StudyPlaces, points: DatedPoints, *, first_day: date) -> TrialPast:
    """Daily counts of each place in whole weeks of the window before, from the weekday of `first_day` on.

    Places that were chosen on days of that window had luck then: of each count as much is kept as is to be
    expected of them with nothing done. Raises QuestionError where there are too few weeks.
    """
    before, first = protocol.windows.before, points.spans[0].start
    totals = count_around(places, points, radius_m=protocol.places.radius_m, ring_m=0.0)
    daily_counts = np.tensordot(np.asarray(protocol.outcome.weights), totals.within, axes=1)
    offset_days = (first_day.weekday() - before.start.weekday()) % WEEK
    start = (before.start - first).days + offset_days
    weeks = ((before.end - first).days - start) // WEEK
    if weeks < LEAST_WEEKS:
        raise QuestionError(
            f"The window before holds {weeks} whole weeks, and {LEAST_WEEKS} are needed to make trials up "
            "from. Name a longer one."
        )
    past: Floats = np.rint(daily_counts[:, start : start + weeks * WEEK]).astype(np.float64)
    chosen_on = protocol.places.chosen_on
    kept_share = 1.0
    if chosen_on is not None and chosen_on.overlaps(before):
        kept_share = _expect_kept(past)
    return TrialPast(rates=kept_share * past.mean(axis=1), daily=past, kept_share=kept_share)


def _expect_kept(past: Floats) -> float:
    """Which share of their counts is to be expected of chosen places, by how unequal they are themselves."""
    counts = past.sum(axis=1)
    is_chosen = np.ones(len(counts) + 1, dtype=bool)
    is_chosen[-1] = False
    selection_fall = fall_by_selection(np.append(counts, 0.0), is_chosen)
    return min(1.0, 1.0 + selection_fall.expected_change)


def extend_after(counts: StudyCounts, after: Period) -> StudyCounts:
    """The study with a panel after the start as long as its protocol says, of zeros: nothing was read."""
    step_days = float(counts.panel_days[: counts.panel_start].mean()) if counts.panel_start else BLOCK_DAYS
    time_count = max(1, round(after.days / step_days))
    counts_before = counts.panel[:, : counts.panel_start]
    return replace(
        counts,
        panel=np.column_stack([counts_before, np.zeros((len(counts_before), time_count))]),
        after_days=after.days,
        panel_days=np.concatenate([counts.panel_days[: counts.panel_start], np.full(time_count, step_days)]),
    )
