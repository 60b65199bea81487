"""What in a log of visits could give the next one away? One test for each cause, and its size.

Each test compares what came with what the timetable expects (`expected_on_other_days`), or with the same log
a little out of step. All are corrected for how many things they look at: visits that come independently, at
whatever rates, are hardly ever flagged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.methods.arrays import Floats, Ints
from becalm.patrol.core.attack_moments import STEP_S, MomentGrid
from becalm.patrol.core.day_rhythms import DayRhythm, find_day_rhythms
from becalm.patrol.core.scanned_visits import DAY, MINUTE, ScannedVisits
from becalm.patrol.core.visit_log import VisitLog
from becalm.terms import Estimate

LEAST_RETURNS: Final = 1.0  # expected in a quarter-hour; of fewer no ratio is known
QUARTERS: Final = 8  # quarter-hours after a departure that are looked at
MOST_DAYS: Final = 28  # the longest period
ALARM: Final = 0.001  # chance of a false alarm of each test on independent visits
NEAR_S: Final = 300  # visits so near to the clock time of an earlier one repeat it
OFFSET_HOURS: Final = (
    -2,
    -1,
    1,
    2,
)  # out of step, for comparison: whole hours, so that rounded minutes agree
WHOLE_DAYS: Final = np.array([days for days in range(2, MOST_DAYS + 1) if days % 7])
COPIED: Final = 3.0  # from here on days are copies of each other
BAND: Final = 200  # frequencies whose median is the strength of their band
LEAST_VISITS: Final = 30  # of a place whose periods are looked for
LAGS: Final = 12  # quarter-hours from a visit at one place to one at another
MOST_RANK: Final = 6  # "every sixth visit"
LEAST_MOVES, LONGEST_MOVE_S = 200, 90 * 60
CURVE_METHOD: Final = "starts over expected starts, Poisson interval"


@dataclass(frozen=True, slots=True)
class Leak:
    """One way in which past visits tell the next: its cause, where, how strong, and in a sentence."""

    cause: str
    where: str
    ratio: float  # of what came to what the timetable expects
    sentence: str


@dataclass(frozen=True, slots=True)
class ReturnRate:
    """Starts in a quarter-hour after a departure, over those expected at that place and hour."""

    from_minute: int
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class PeriodStrength:
    """How much more often do visits come at the time of one that many days ago than half an hour off it?"""

    days: int
    ratio: float
    is_flagged: bool


@dataclass(frozen=True, slots=True)
class LeakScan:
    """The curve after departure, the scan of periods in days, and every leak that was found."""

    returns: tuple[ReturnRate, ...]
    periods: tuple[PeriodStrength, ...]
    leaks: tuple[Leak, ...]


def scan_log(log: VisitLog, moments: MomentGrid) -> LeakScan:
    """Which causes make this log's visits predictable, and how strongly?"""
    scanned_visits = ScannedVisits(log, moments)
    came, expected = _count_returns(scanned_visits)
    spectrum = _compute_spectrum(scanned_visits)
    periodic_places = _find_periodic_places(spectrum)
    day_periods = tuple(_scan_days(scanned_visits, periodic_places))
    leaks = list(_name_day_leaks(day_periods))
    # Where days are copies of each other, all else would be flagged as well, and mean nothing of its own.
    if not any(leak.ratio > COPIED for leak in leaks):
        leaks = [
            *_name_lulls(came.sum(axis=0), expected.sum(axis=0)),
            *leaks,
            *_name_periods(scanned_visits, spectrum, periodic_places),
            *_name_day_rhythms(scanned_visits, periodic_places),
            *_scan_minutes(scanned_visits, periodic_places),
            *_scan_pairs(scanned_visits),
            *_scan_lengths(came, expected),
            *_scan_next_places(scanned_visits),
        ]
    return_rates = tuple(
        ReturnRate(quarter * 15, _estimate_ratio(*sums))
        for quarter, sums in enumerate(zip(came.sum(axis=0), expected.sum(axis=0), strict=True))
        if sums[1] >= LEAST_RETURNS
    )
    return LeakScan(return_rates, day_periods, tuple(leaks))


def _estimate_ratio(came: float, expected: float, level: float = 0.95) -> Estimate:
    low, high = (
        stats.chi2.ppf((1 - level) / 2, 2 * came) / 2,
        stats.chi2.ppf((1 + level) / 2, 2 * came + 2) / 2,
    )
    safe_expected = max(float(expected), 1e-9)
    low = 0.0 if came == 0 else float(low)
    return Estimate(
        float(came) / safe_expected, low / safe_expected, float(high) / safe_expected, level, CURVE_METHOD
    )


def _count_returns(visits: ScannedVisits) -> tuple[Floats, Floats]:
    """Next starts at the same place in each quarter-hour after a departure, and expected ones: [C, Q] twice.

    By the length of the visit that ended, in at most three classes.
    """
    place, start_s, end_s = visits.place, visits.start_s, visits.start_s + visits.length_s
    is_last = np.append(place[1:] != place[:-1], True)
    next_s = np.where(is_last, np.iinfo(np.int64).max // 2, np.append(start_s[1:], 0))
    # Where visits overlap, nobody has left: the place was never alone.
    is_departure = next_s >= end_s
    length_class = _classify_lengths(visits.length_s)
    return_counts = np.zeros((int(length_class.max(initial=0)) + 1, QUARTERS))
    expected_counts = np.zeros_like(return_counts)
    for quarter in range(QUARTERS):
        begin_s, until_s = end_s + quarter * STEP_S, end_s + (quarter + 1) * STEP_S
        is_at_risk = is_departure & (next_s > begin_s) & (until_s <= visits.moments.midnight_s[-1])
        starts_now = is_at_risk & (next_s <= until_s)
        # At risk until the next start, so that what is expected and what came are equal on average.
        expected_starts = visits.expect(place, begin_s, np.minimum(until_s, next_s)) * is_at_risk
        return_counts[:, quarter] = np.bincount(length_class, starts_now, len(return_counts))
        expected_counts[:, quarter] = np.bincount(length_class, expected_starts, len(return_counts))
    return return_counts, expected_counts


def _classify_lengths(length_s: Ints) -> Ints:
    distinct_lengths = np.unique(length_s)
    if len(distinct_lengths) <= 3:
        return np.searchsorted(distinct_lengths, length_s)
    return np.searchsorted(np.quantile(length_s, [1 / 3, 2 / 3]), length_s)


def _name_lulls(came: Floats, expected: Floats) -> Iterator[Leak]:
    """Quarter-hours after a departure in which hardly anybody, or surely somebody, comes back."""
    is_lull = stats.poisson.cdf(came, 0.8 * expected) < ALARM / QUARTERS
    is_rush = stats.poisson.sf(came - 1, 1.3 * expected) < ALARM / QUARTERS
    for cause, is_flagged, words in (("lull", is_lull, "fewer"), ("return", is_rush, "more")):
        if is_flagged.any():
            flagged_quarters = np.flatnonzero(is_flagged)
            rate_ratio = float(came[flagged_quarters].sum() / expected[flagged_quarters].sum())
            span_list_text = ", ".join(f"{q * 15} to {q * 15 + 15}" for q in flagged_quarters)
            sentence = (
                f"After a unit leaves, {words} visits start than usual at that place and hour: "
                f"{rate_ratio:.2f} of the expected in the minutes {span_list_text} after departure."
            )
            yield Leak(cause, "all places", rate_ratio, sentence)


def _scan_days(visits: ScannedVisits, periodic_places: Ints) -> Iterator[PeriodStrength]:
    """For each number of days: visits at the clock time of an earlier one, over those some hours off it."""
    block_s = (MOST_DAYS + int(visits.moments.day[-1]) + 2) * DAY
    is_aperiodic_visit = ~np.isin(visits.place, periodic_places)
    visit_keys = visits.place[is_aperiodic_visit] * block_s + visits.clock_s[is_aperiodic_visit]
    expected_starts = np.delete(visits.expected, periodic_places, axis=0)

    def count_pairs(shift_s: int) -> tuple[int, float]:
        """Visits so long after another, and how many of them the timetable's rates make."""
        last_index = np.searchsorted(visit_keys, visit_keys - shift_s + NEAR_S, "right")
        first_index = np.searchsorted(visit_keys, visit_keys - shift_s - NEAR_S, "left")
        shift_steps = shift_s // STEP_S
        return int((last_index - first_index).sum()), float(
            np.vdot(expected_starts[:, shift_steps:], expected_starts[:, :-shift_steps])
        )

    for days in range(1, min(MOST_DAYS, int(visits.moments.day[-1])) + 1):
        in_step, expected_in_step = count_pairs(days * DAY)
        off_step_counts = [count_pairs(days * DAY + offset * 60 * MINUTE) for offset in OFFSET_HOURS]
        out_of_step, expected_out_of_step = (
            float(np.mean(column)) for column in zip(*off_step_counts, strict=True)
        )
        steepness = max(expected_in_step / max(expected_out_of_step, 1e-9), 1.0)
        mean_count = max(out_of_step * steepness, 1.0)
        count_error = np.sqrt(mean_count * (1 + 1 / len(OFFSET_HOURS)))
        is_flagged = (in_step - mean_count) / count_error > 6.0 and in_step > 1.1 * mean_count
        yield PeriodStrength(days, in_step / mean_count, bool(is_flagged))


def _name_day_leaks(periods: tuple[PeriodStrength, ...]) -> Iterator[Leak]:
    """The shortest periods in days of which the other flagged ones are multiples."""
    flagged_periods = [period for period in periods if period.is_flagged]
    while flagged_periods:
        shortest, strength = (
            flagged_periods[0].days,
            max(p.ratio for p in flagged_periods if p.days % flagged_periods[0].days == 0),
        )
        cause_text = {1: "daily timetable", 7: "weekly timetable"}.get(
            shortest, f"plan reused after {shortest} days"
        )
        sentence = (
            f"Visits come at the clock time of those {shortest} day{'s' * (shortest > 1)} before "
            f"{strength:.1f} times as often as an hour off it: the times repeat."
        )
        yield Leak(cause_text, "all places", strength, sentence)
        flagged_periods = [period for period in flagged_periods if period.days % shortest]


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """How strongly each place's visits swing at each frequency, beyond the timetable; 1 is chance."""

    cycles_per_day: Floats
    power: Floats  # [P, F]
    places: Ints  # with visits enough to ask

    @property
    def limit(self) -> float:
        """What no place reaches by chance."""
        return float(1.2 * np.log(max(self.power.size, 1) / ALARM))


def _compute_spectrum(visits: ScannedVisits) -> _Spectrum:
    place_count, moment_count = visits.expected.shape
    visit_counts = np.bincount(visits.place, minlength=place_count)
    busy_places = np.flatnonzero(visit_counts >= LEAST_VISITS)
    fine_steps = ((visits.start_s - visits.moments.at_s[0]) // (STEP_S // 3)).astype(np.int64)
    fine_counts = np.bincount(
        visits.place * 3 * moment_count + fine_steps, minlength=place_count * 3 * moment_count
    )
    unexpected_counts = fine_counts.reshape(place_count, -1)[busy_places] - np.repeat(
        visits.expected[busy_places] / 3.0, 3, axis=1
    )
    power = (
        np.abs(np.fft.rfft(unexpected_counts, axis=1)) ** 2
        / np.maximum(visit_counts[busy_places], 1)[:, None]
    )
    cycles_per_day = np.arange(power.shape[1]) / (moment_count * STEP_S / DAY)
    is_scanned_frequency = (cycles_per_day >= 1 / MOST_DAYS) & (cycles_per_day <= 36)
    # Lines of a week are the timetable's own.
    is_scanned_frequency &= (
        np.abs(cycles_per_day * 7 - np.round(cycles_per_day * 7)) > 10.5 * cycles_per_day[1]
    )
    power = power[:, is_scanned_frequency]
    if power.size:
        # Visits that cluster or avoid each other raise or lower whole bands: a period stands out of its band.
        band_columns = np.array_split(np.arange(power.shape[1]), max(power.shape[1] // BAND, 1))
        band_powers = np.stack([np.median(power[:, band], axis=1) for band in band_columns], axis=1) / np.log(
            2.0
        )
        power = power / np.maximum(np.repeat(band_powers, [len(band) for band in band_columns], axis=1), 1.0)
    return _Spectrum(cycles_per_day[is_scanned_frequency], power, busy_places)


def _find_periodic_places(spectrum: _Spectrum) -> Ints:
    """The few places that have a period of their own; none where most of them do."""
    if not spectrum.power.size:
        return np.zeros(0, dtype=np.int64)
    is_flagged = spectrum.power.max(axis=1) > spectrum.limit
    # Whole days are asked about by themselves: there are few of them, so less is needed to be sure.
    day_columns = np.abs(spectrum.cycles_per_day - 1 / WHOLE_DAYS[:, None]).argmin(axis=1)
    day_limit = 1.1 * np.log(len(WHOLE_DAYS) * len(spectrum.places) / ALARM)
    is_flagged |= spectrum.power[:, day_columns].max(axis=1) > day_limit
    flagged_places = np.asarray(spectrum.places[is_flagged], dtype=np.int64)
    return flagged_places if len(flagged_places) <= max(3, len(spectrum.places) // 4) else flagged_places[:0]


def _name_periods(visits: ScannedVisits, spectrum: _Spectrum, periodic_places: Ints) -> Iterator[Leak]:
    """Places, or all of them together, that are visited at a fixed period."""
    for place in periodic_places:
        place_power = spectrum.power[np.searchsorted(spectrum.places, place)]
        frequency = _fundamental(spectrum.cycles_per_day, place_power, spectrum.limit)
        yield _period_leak(frequency, visits.log.hotspots[place], float(place_power.max()))
    if not len(periodic_places) and spectrum.power.size:
        pooled_power = spectrum.power.sum(axis=0)
        chance_limit = stats.gamma.isf(ALARM / len(pooled_power), 1.1 * len(spectrum.places))
        if pooled_power.max() > chance_limit:
            frequency = float(spectrum.cycles_per_day[pooled_power.argmax()])
            yield _period_leak(frequency, "all places", float(pooled_power.max() / len(spectrum.places)))


def _name_day_rhythms(visits: ScannedVisits, periodic_places: Ints) -> Iterator[Leak]:
    """Places with a rhythm of whole days that are visited too rarely to show one by the hour."""
    moments, place_count = visits.moments, len(visits.expected)
    day_count = int(moments.day[-1]) + 1
    cells = visits.place * day_count + visits.clock_s // DAY
    counts = np.bincount(cells, minlength=place_count * day_count).reshape(place_count, -1)
    first_moments = np.searchsorted(moments.day, np.arange(day_count))
    expected = np.add.reduceat(visits.expected, first_moments, axis=1)
    rhythms = find_day_rhythms(counts.astype(np.float64), expected, most_days=MOST_DAYS)
    new_rhythms = [rhythm for rhythm in rhythms if rhythm.place not in periodic_places]
    if len(new_rhythms) > max(3, place_count // 4):
        yield _day_rhythm_leak(max(new_rhythms, key=lambda rhythm: rhythm.strength), "all places")
        return
    yield from (_day_rhythm_leak(rhythm, visits.log.hotspots[rhythm.place]) for rhythm in new_rhythms)


def _day_rhythm_leak(rhythm: DayRhythm, where: str) -> Leak:
    return _period_leak(1.0 / rhythm.days, where, rhythm.strength)


def _fundamental(frequencies: Floats, power: Floats, limit: float) -> float:
    """The lowest frequency whose overtones make the peak: a fixed period shines at each multiple of it."""
    peak_frequency = frequencies[power.argmax()]
    for divisor in (6, 5, 4, 3, 2):
        nearest_index = np.abs(frequencies - peak_frequency / divisor).argmin()
        if power[max(nearest_index - 1, 0) : nearest_index + 2].max() > limit:
            return float(peak_frequency / divisor)
    return float(peak_frequency)


def _period_leak(frequency: float, where: str, strength: float) -> Leak:
    period_hours = 24.0 / frequency
    is_alternate = abs(period_hours - 48) < 1.5
    cause_text = "alternate days" if is_alternate else f"fixed period of {period_hours:.1f} hours"
    rhythm_text = "every other day" if is_alternate else f"every {period_hours:.1f} hours"
    sentence = (
        f"Visits come {rhythm_text} at {where}, with {strength:.0f} times the strength that "
        "chance would give."
    )
    return Leak(cause_text, where, float(strength), sentence)


def _scan_minutes(visits: ScannedVisits, periodic_places: Ints) -> Iterator[Leak]:
    """Does every n-th visit to a place start at the same minute of the hour?"""
    is_aperiodic_visit = ~np.isin(visits.place, periodic_places)
    place, minute = visits.place[is_aperiodic_visit], visits.clock_s[is_aperiodic_visit] // MINUTE % 60
    minute_shares = np.bincount(minute, minlength=60) / max(len(minute), 1)
    near_share = float(
        minute_shares @ (minute_shares + np.roll(minute_shares, 1) + np.roll(minute_shares, -1))
    )
    for rank in range(1, MOST_RANK + 1):
        is_pair = place[rank:] == place[:-rank] if len(place) > rank else np.zeros(0, dtype=np.bool_)
        minute_gaps = (minute[rank:] - minute[:-rank])[is_pair] % 60
        came, expected = int(np.isin(minute_gaps, (0, 1, 59)).sum()), near_share * int(is_pair.sum())
        if (
            expected >= 5
            and stats.poisson.sf(came - 1, expected) < ALARM / MOST_RANK
            and came > 1.25 * expected
        ):
            rank_text = "each visit" if rank == 1 else f"every {_ordinal(rank)} visit"
            sentence = (
                f"{rank_text.capitalize()} to a place starts at the minute of the hour of the one before it "
                f"{came / expected:.1f} times as often as by chance."
            )
            yield Leak(f"{rank_text} at the same minute", "all places", came / expected, sentence)
            return


def _ordinal(rank: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth"}[rank]


def _scan_pairs(visits: ScannedVisits) -> Iterator[Leak]:
    """Does a visit at one place tell one at another, some quarter-hours later? The strongest pair."""
    counts, expected = visits.counts, visits.expected
    place_count = len(counts)
    if place_count < 2:
        return
    lags = range(1, LAGS + 1)
    pair_counts = np.stack([counts[:, :-lag] @ counts[:, lag:].T for lag in lags])
    expected_counts = np.stack([counts[:, :-lag] @ expected[:, lag:].T for lag in lags])
    # Places of one team rise and fall together: only what one lag has beyond the pair's others is a link.
    other_came, other_due = (
        pair_counts.sum(axis=0) - pair_counts,
        expected_counts.sum(axis=0) - expected_counts,
    )
    expected_counts = expected_counts * np.maximum(1.0, other_came / np.maximum(other_due, 1e-9))
    tail_chances = stats.poisson.sf(pair_counts - 1, np.maximum(expected_counts, 1e-9))
    tail_chances[:, np.arange(place_count), np.arange(place_count)] = 1.0
    tail_chances[pair_counts < 8] = 1.0
    flagged_pairs = np.argwhere(tail_chances < ALARM / tail_chances.size)
    if not len(flagged_pairs):
        return
    lag, first, second = min(flagged_pairs.tolist(), key=lambda index: tail_chances[tuple(index)])
    names, areas = visits.log.hotspots, visits.log.areas
    is_across = areas[first] != areas[second]
    pair_ratio = float(pair_counts[lag, first, second] / max(expected_counts[lag, first, second], 1e-9))
    pair_count = len({(a, b) for _, a, b in flagged_pairs.tolist()})
    sentence = (
        f"A visit at {names[first]} is followed by one at {names[second]} {lag * 15 + 15} to {lag * 15 + 30} "
        f"minutes later {pair_ratio:.1f} times as often as expected; {pair_count} pairs of places "
        "are linked so."
    )
    cause_text = "pairs across areas" if is_across else "pairs of places"
    yield Leak(cause_text, f"{names[first]} → {names[second]}", pair_ratio, sentence)


def _scan_lengths(came: Floats, expected: Floats) -> Iterator[Leak]:
    """Does the length of a visit tell when the next one comes to the same place?"""
    if len(came) < 2:
        return
    expected_returns = expected * (came.sum(axis=0) / np.maximum(expected.sum(axis=0), 1e-9))
    is_asked = expected_returns.sum(axis=0) >= 10 * len(expected_returns)
    deviance = float(
        (((came - expected_returns) ** 2 / np.maximum(expected_returns, 1e-9))[:, is_asked]).sum()
    )
    degrees_of_freedom = (len(came) - 1) * int(is_asked.sum())
    if degrees_of_freedom and stats.chi2.sf(deviance, degrees_of_freedom) < ALARM / 5:
        count_ratios = np.where(expected_returns >= 5, came / np.maximum(expected_returns, 1e-9), 1.0)
        strongest_cell = np.unravel_index(
            np.abs(np.log(np.maximum(count_ratios, 0.05))).argmax(), count_ratios.shape
        )
        sentence = (
            "How long a visit lasts tells when the next one comes to the same place: after visits of "
            f"one length the minutes {int(strongest_cell[1]) * 15} to "
            f"{int(strongest_cell[1]) * 15 + 15} after it hold "
            f"{count_ratios[strongest_cell]:.1f} times the usual starts."
        )
        yield Leak("length tells the next", "all places", float(count_ratios[strongest_cell]), sentence)


def _scan_next_places(visits: ScannedVisits) -> Iterator[Leak]:
    """Does the length of a visit tell which place is visited next? By one unit, or in one area."""
    log, rows = visits.log, np.flatnonzero(visits.moments.covers(visits.log))
    area_of_place = np.unique(np.array(log.areas), return_inverse=True)[1]
    group_of_visit = log.unit[rows] if log.units else area_of_place[log.hotspot[rows]]
    rows, group_of_visit = (
        values[np.lexsort((log.start_s[rows], group_of_visit))] for values in (rows, group_of_visit)
    )
    place, start_s = log.hotspot[rows], log.start_s[rows]
    length_class = _classify_lengths(log.end_s[rows] - start_s)
    is_move = (
        (group_of_visit[1:] == group_of_visit[:-1])
        & (place[1:] != place[:-1])
        & (np.diff(start_s) < LONGEST_MOVE_S)
    )
    first, length_class = place[:-1][is_move], length_class[:-1][is_move]
    if len(first) < LEAST_MOVES:
        return
    pair, pair_index = np.unique(first * len(log.hotspots) + place[1:][is_move], return_inverse=True)
    move_counts = (
        np.bincount(pair_index * 3 + length_class, minlength=3 * len(pair)).reshape(-1, 3).astype(np.float64)
    )
    class_shares = np.zeros((len(log.hotspots), 3))
    np.add.at(class_shares, (first, length_class), 1.0)
    class_shares = (class_shares / np.maximum(class_shares.sum(axis=1, keepdims=True), 1.0))[
        pair // len(log.hotspots)
    ]
    # Of two moves of one kind, how many agree in length? Were lengths dealt at random among the moves from a
    # place, so many would, give or take so much.
    moves, agree = move_counts.sum(axis=1), (class_shares**2).sum(axis=1)
    came, due = float((move_counts * (move_counts - 1)).sum()), float((moves * (moves - 1) * agree).sum())
    triple_variance = (
        moves * (moves - 1) * np.maximum(moves - 2, 0) * ((class_shares**3).sum(axis=1) - agree**2)
    )
    null_deviation = np.sqrt(
        max(float((2 * moves * (moves - 1) * agree * (1 - agree) + 4 * triple_variance).sum()), 1.0)
    )
    if came - due > 5.0 * null_deviation:
        sentence = (
            "How long a visit lasts tells which place is visited next: lengths and next places go together."
        )
        yield Leak("length tells the next", "moves between places", came / max(due, 1.0), sentence)
