"""How much each group varies by itself: noise, drift and shifts of its level, by its own history."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

import numpy as np

from becalm.measure.core.comparison import LevelShift, NoiseBasis
from becalm.measure.core.group_series import Series
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.level_model import UNSETTLED, LevelModel, drift_span, fit_levels
from becalm.tables import Groupings
from becalm.terms import Period, Step, month_start

LEAST_HISTORY: Final = {"months": 12, "weeks": 52}
TWO_YEARS: Final = {"months": 24, "weeks": 104}  # from here on shifts of a level are looked for
CYCLES: Final = {"months": 12.0, "weeks": 365.25 / 7.0}  # stretches in a year
MONTHS_USED: Final = 120
LATEST_MONTHS_IGNORED: Final = 2
DAYS_PER_YEAR: Final = 365.25
AREAS: Final = ("borough", "ward", "command_unit")


@dataclass(frozen=True, slots=True)
class GroupDispersion:
    """The noise, drift and levels of each series by its history; no model where there is too little.

    `spans` are the stretches of history that the model was fitted to, `skipped_spans` those it never saw,
    each with the reason.
    """

    spans: tuple[Period, ...]
    unit: str
    model: LevelModel | None = None
    skipped_spans: tuple[tuple[Period, str], ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def stretches(self) -> int:
        """How many stretches of history there are."""
        return len(self.spans)

    @property
    def has_enough_history(self) -> bool:
        """Whether there was enough history."""
        return self.model is not None

    def ratio_dispersion(
        self,
        new: Floats | Ints,
        old: Floats | Ints,
        *,
        period: Period,
        windows: Sequence[Period],
        level: float,
    ) -> Floats:
        """By which factor is each interval's variance wider than Poisson's, noise and drift together?"""
        if self.model is None:
            return np.ones(len(new))
        new_year, *old_years = (
            (w.start.toordinal() + w.days / 2.0) / DAYS_PER_YEAR for w in (period, *windows)
        )
        drift_years = drift_span(new_year, np.array(old_years))
        return self.model.ratio_dispersion(new, old, drift_years=drift_years, level=level)

    def interval_method(self, g: int, phi: float) -> str:
        """How the interval of series `g` was made."""
        if self.model is None:
            return (
                f"mid-p, Poisson ({self.stretches} {self.unit} of history, {LEAST_HISTORY[self.unit]} needed)"
            )
        parts_text = f"noise {self.model.phi[g]:.3g}, drift {100 * self.model.drift[g]:.2g}% a year"
        shift_days = ", ".join(
            f"{self.spans[t].start:%Y-%m}" for t in _shift_times(self.model.level_number[g])
        )
        shift_text = f", level shifts {shift_days}" if shift_days else ""
        stretch_count = int(self.model.in_noise[g].sum())
        return f"mid-p, overdispersion {phi:.3g} ({parts_text}{shift_text}) from {stretch_count} {self.unit}"

    @property
    def basis(self) -> NoiseBasis | None:
        """What the noise of the total was learned from; None where there was too little history."""
        if self.model is None:
            return None
        is_unsettled = self.model.level_number[0] == UNSETTLED
        unsettled_spans = _join_spans(
            (span, "between two shifts of the level within a year")
            for span, is_out in zip(self.spans, is_unsettled, strict=True)
            if is_out
        )
        noise_spans = _join_spans(
            (span, "") for span, is_in in zip(self.spans, self.model.in_noise[0], strict=True) if is_in
        )
        return NoiseBasis(
            learned_from=tuple(span for span, _ in noise_spans),
            left_out=tuple(
                sorted(
                    [*self.skipped_spans, *unsettled_spans], key=lambda labelled_span: labelled_span[0].start
                )
            ),
            shifts=tuple(_describe_shifts(self.spans, self.unit, self.model, self.steps)),
            noise_phi=float(self.model.phi[0]),
            drift_percent=100.0 * float(self.model.drift[0]),
        )


def measure_dispersion(
    series: Series,
    *,
    apart_from: Sequence[Period],
    missing: Collection[str] = (),
    steps: Sequence[Step] = (),
    by: Groupings = "offence_group",
) -> GroupDispersion:
    """What noise, drift and shifts does each series show outside the compared windows?

    Months (or, where days are known, stretches of seven days) of the ten years before the latest window,
    without those that touch a window or a month `missing` from the records, are fitted by
    `methods.level_model`: noise from neighbours in the last five years, drift from all, both only within a
    settled level. The last two months are left out too, as far as two years of history remain: a change that
    is about to be measured has often begun by then, and its beginning is no noise. 12 months are needed; with
    fewer there is no model, intervals are Poisson, and the method says so. Up to 24, what is not seen of
    drift is what is usual elsewhere.

    Sources: Wilson, J. Quantitative Criminology (2021), for widening crime counts by phi; Noufaily et al.,
    Statistics in Medicine 32 (2013) 1206-1222, for leaving the latest weeks out (26 there; on 1,080 months
    without an event, each further month left out costs false alarms, and two suffice for a fall in March).
    """
    latest_start = max(window.start for window in apart_from)
    unit_word = "months" if series.unit == "month" else "weeks"
    stretches = _month_stretches(series) if unit_word == "months" else _week_stretches(series, latest_start)
    oldest_start = month_start(latest_start.year, latest_start.month - MONTHS_USED)
    recent = [
        (i, *s) for i, s in enumerate(stretches) if oldest_start <= s[0].start and s[0].end <= latest_start
    ]
    total_counts = np.array([series.counts[0, columns].sum() for _, _, columns in recent])
    skip_reasons = [
        _skip_reason(span, apart_from, missing, is_stray=bool(is_stray))
        for (_, span, _), is_stray in zip(
            recent, total_counts < _usual_count(total_counts) / 10.0, strict=True
        )
    ]
    used_stretches = [stretch for stretch, reason in zip(recent, skip_reasons, strict=True) if not reason]
    used_stretches = _drop_latest(used_stretches, latest_start, least_history=TWO_YEARS[unit_word])
    spans = tuple(span for _, span, _ in used_stretches)
    if len(used_stretches) < LEAST_HISTORY[unit_word]:
        return GroupDispersion(spans, unit_word)
    return GroupDispersion(
        spans,
        unit_word,
        model=fit_levels(
            np.stack([series.counts[:, columns].sum(axis=1) for _, _, columns in used_stretches], axis=1),
            np.array([number for number, _, _ in used_stretches]),
            exposure=np.array([span.days for span in spans], dtype=np.float64),
            cycle=CYCLES[unit_word],
            begins=_mark_steps(series, spans, steps, by),
        ),
        skipped_spans=_join_spans(
            (span, reason or "just before the period: a change may have begun")
            for (_, span, _), reason in zip(recent, skip_reasons, strict=True)
            if span not in spans
        ),
        steps=tuple(steps),
    )


def _usual_count(total_counts: Ints) -> float:
    """The middle of the five newest years: what a stretch holds once the records have begun."""
    return float(np.median(total_counts[-len(total_counts) // 2 :])) if total_counts.size else 0.0


def _skip_reason(
    span: Period, apart_from: Sequence[Period], missing: Collection[str], *, is_stray: bool
) -> str:
    if is_stray:
        return "the records had only just begun"
    if any(span.overlaps(window) for window in apart_from):
        return "compared here"
    return "no records" if set(span.months) & set(missing) else ""


def _drop_latest(
    past: list[tuple[int, Period, slice]], latest: date, *, least_history: int
) -> list[tuple[int, Period, slice]]:
    """History without its last two months, or without as much of that as leaves what is needed."""
    settled_end = month_start(latest.year, latest.month - LATEST_MONTHS_IGNORED)
    settled_count = sum(span.end <= settled_end for _, span, _ in past)
    return past[: max(settled_count, min(least_history, len(past)))]


def _month_stretches(series: Series) -> list[tuple[Period, slice]]:
    return [
        (Period(month_day, month_start(month_day.year, month_day.month + 1)), slice(i, i + 1))
        for i, month_day in enumerate(series.times)
    ]


def _week_stretches(series: Series, latest: date) -> list[tuple[Period, slice]]:
    """Stretches of seven days, counted back from the day before the latest window."""
    first_index = (latest - series.times[0]).days % 7
    return [
        (Period(series.times[i], series.times[i] + timedelta(days=7)), slice(i, i + 7))
        for i in range(first_index, len(series.times) - 6, 7)
    ]


def _mark_steps(series: Series, spans: Sequence[Period], steps: Iterable[Step], by: Groupings) -> Bools:
    """Where does a level of each series begin, as declared? A stretch that a step cuts stands alone."""
    is_level_start = np.zeros((len(series.groups), len(spans)), dtype=bool)
    span_starts = [span.start for span in spans]
    for step in steps:
        concerned_groups = [
            step.concerns(
                area=key if g and by in AREAS else None, group=key if g and by == "offence_group" else None
            )
            for g, key in enumerate(series.groups)
        ]
        for day in filter(None, (step.start, step.end)):
            t = int(np.searchsorted([start.toordinal() for start in span_starts], day.toordinal()))
            is_cut = t > 0 and span_starts[t - 1] < day < spans[t - 1].end
            for column in (t - 1, t) if is_cut else (t,):
                if 0 < column < len(spans):
                    is_level_start[concerned_groups, column] = True
    return is_level_start


def _shift_times(level_number: Ints) -> list[int]:
    """The first time of each level but the first, and of each unsettled stretch."""
    return (np.flatnonzero(np.diff(level_number) != 0) + 1).tolist()


def _describe_shifts(
    spans: Sequence[Period], unit: str, model: LevelModel, steps: Sequence[Step]
) -> Iterable[LevelShift]:
    """The shifts of the total: each with the change from the half year before to the half year after it."""
    log_level, reach = model.log_level[0], round(CYCLES[unit] / 2.0)
    level_edges = [0, *_shift_times(model.level_number[0]), len(spans)]
    for before, t, after in zip(level_edges, level_edges[1:], level_edges[2:], strict=False):
        step_reasons = [
            s.reason
            for s in steps
            for day in (s.start, s.end)
            if day and spans[t].start <= day < spans[t].end
        ]
        log_jump = log_level[t : min(after, t + reach)].mean() - log_level[max(before, t - reach) : t].mean()
        change_percent = 100.0 * (float(np.exp(log_jump)) - 1.0)
        yield LevelShift(spans[t].start, change_percent, step_reasons[0] if step_reasons else "")


def _join_spans(labelled_spans: Iterable[tuple[Period, str]]) -> tuple[tuple[Period, str], ...]:
    """Neighbouring stretches with the same reason, joined."""
    joined_spans: list[tuple[Period, str]] = []
    for reason, stretches in groupby(labelled_spans, key=lambda stretch: stretch[1]):
        for span, _ in stretches:
            if joined_spans and joined_spans[-1][1] == reason and joined_spans[-1][0].end == span.start:
                joined_spans[-1] = (Period(joined_spans[-1][0].start, span.end), reason)
            else:
                joined_spans.append((span, reason))
    return tuple(joined_spans)
