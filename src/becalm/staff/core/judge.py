"""Is a roster lawful? Judged from the tours as they are written down, by plain dates and times.

This shares nothing with what makes rosters: no array, no automaton, no price.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from becalm.staff.core.force import Officer, Span
from becalm.staff.core.rule_book import RuleBook, TourKind

RULE_NAMES = (
    "known_officer",
    "rostered_rank",
    "one_tour_a_day",
    "available",
    "barred_tours",
    "daily_rest_hours",
    "weekly_rest_hours",
    "longest_run_days",
    "longest_night_run",
    "weekly_hours",
    "night_hours",
    "minimum_crew",
    "recruits_per_tutor",
    "patrol_and_visits",
)


WEEK_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class WorkedTour:
    """One tour of one officer, as a roster says it."""

    staff_number: str
    start: datetime  # aware
    hours: float
    day: date
    tour: str
    command_unit: str
    unit: str  # the crew
    use: str
    supervisor: str = ""  # the staff number of who is within reach of the crew

    @property
    def end(self) -> datetime:
        """When it ends, by the clock on the wall."""
        zone = self.start.tzinfo
        return (self.start.replace(tzinfo=None) + timedelta(hours=self.hours)).replace(tzinfo=zone)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a roster breaks."""

    rule: str
    staff_number: str
    day: date
    problem: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """How often each rule was checked, what broke it, and whom it could not judge."""

    checked_count: Mapping[str, int]
    violations: tuple[Violation, ...]
    unjudged: tuple[str, ...]  # staff numbers with too little history for the average of hours
    set_aside: tuple[Violation, ...] = ()  # by a recorded derogation


@dataclass(frozen=True, slots=True)
class RuleWaiver:
    """A derogation on record: this rule is set aside for one tour, and rest follows until an instant."""

    staff_number: str
    rule: str
    day: date
    rest_until: datetime  # aware


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a roster is judged by."""

    tours: tuple[WorkedTour, ...]  # of the planned days
    past_tours: tuple[WorkedTour, ...]
    officers: tuple[Officer, ...]
    spans: tuple[Span, ...]
    rules: RuleBook
    first_day: date
    zone: str
    past_first_day: date  # from which on past tours are known
    waivers: tuple[RuleWaiver, ...] = ()


def judge_roster(evidence: Evidence) -> Judgement:
    """Every rule, for every officer and tour."""
    officer_by_number = {officer.staff_number: officer for officer in evidence.officers}
    tours_by_officer: dict[str, list[WorkedTour]] = defaultdict(list)
    for tour in evidence.tours:
        tours_by_officer[tour.staff_number].append(tour)
    past_by_officer: dict[str, list[WorkedTour]] = defaultdict(list)
    for tour in evidence.past_tours:
        past_by_officer[tour.staff_number].append(tour)
    checked_count = Counter(dict.fromkeys(RULE_NAMES, 0))
    violations: list[Violation] = []
    spans = _latest_spans(evidence.spans)
    # Earlier hours stand in for what the records do not reach back to; two weeks are let pass.
    is_history_short = _history_days(evidence) < 7 * evidence.rules.value("reference_weeks") - 14
    unjudged = []
    for number, tours in sorted(tours_by_officer.items()):
        checked_count["known_officer"] += 1
        officer = officer_by_number.get(number)
        if officer is None:
            violations.append(
                Violation("known_officer", number, tours[0].day, "is not in the list of officers")
            )
            continue
        sorted_tours = sorted(tours, key=lambda tour: tour.start)
        past = sorted(past_by_officer[number], key=lambda tour: tour.start)
        for rule, check_count, rule_violations in (
            *_check_person(officer, sorted_tours, spans.get(number, ()), evidence),
            *_check_rest(officer, sorted_tours, past, evidence.rules),
            *_check_runs(officer, sorted_tours, past, evidence.rules),
            *_check_hours(officer, sorted_tours, past, evidence),
        ):
            checked_count[rule] += check_count
            violations += rule_violations
        unjudged += [number] if officer.earlier_hours is None and is_history_short else []
    for rule, check_count, rule_violations in _check_crews(evidence, officer_by_number):
        checked_count[rule] += check_count
        violations += rule_violations
    kept_violations, set_aside = _apply_waivers(evidence, violations)
    kept_violations += _check_compensatory_rest(evidence.waivers, tours_by_officer)
    if evidence.waivers:
        checked_count["compensatory_rest"] = len(evidence.waivers)
    return Judgement(dict(checked_count), tuple(kept_violations), tuple(unjudged), tuple(set_aside))


def _apply_waivers(
    evidence: Evidence, violations: Sequence[Violation]
) -> tuple[list[Violation], list[Violation]]:
    """What is broken, and what was set aside by name: only rules that the rule file lets be set aside."""
    may_waive = {rule.rule for rule in evidence.rules.rules if rule.derogation}
    waived = {(w.staff_number, w.rule, w.day) for w in evidence.waivers if w.rule in may_waive}
    kept_violations: list[Violation] = []
    set_aside: list[Violation] = []
    for violation in violations:
        key = (violation.staff_number, violation.rule, violation.day)
        (set_aside if key in waived else kept_violations).append(violation)
    return kept_violations, set_aside


def _check_compensatory_rest(
    waivers: Sequence[RuleWaiver], tours_by_officer: Mapping[str, Sequence[WorkedTour]]
) -> Iterator[Violation]:
    """After a tour for which a rule was set aside, nothing may start before the rest is over."""
    for waiver in waivers:
        tours = tours_by_officer.get(waiver.staff_number, ())
        starts = [tour.start for tour in tours if tour.day == waiver.day]
        for tour in tours:
            if starts and min(starts) < tour.start < waiver.rest_until:
                problem = f"works before the rest ends that makes up for {waiver.day}"
                yield Violation("compensatory_rest", waiver.staff_number, tour.day, problem)


Checks = Iterator[tuple[str, int, list[Violation]]]


def _history_days(evidence: Evidence) -> int:
    return (evidence.first_day - evidence.past_first_day).days


def _latest_spans(spans: Sequence[Span]) -> dict[str, tuple[Span, ...]]:
    by_officer: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.recorded_at):
        by_officer[span.staff_number].append(span)
    return {number: tuple(officer_spans) for number, officer_spans in by_officer.items()}


def _state_at(spans: Sequence[Span], half_day: datetime) -> Span | None:
    """The span that was recorded last and holds this half-day."""
    covering_spans = [span for span in spans if span.since <= half_day < span.until]
    return covering_spans[-1] if covering_spans else None


def _check_person(
    officer: Officer, tours: Sequence[WorkedTour], spans: Sequence[Span], evidence: Evidence
) -> Checks:
    number, rules = officer.staff_number, evidence.rules
    is_rostered = officer.rank in rules.rostered_ranks
    yield (
        "rostered_rank",
        1,
        []
        if is_rostered
        else [
            Violation("rostered_rank", number, tours[0].day, f"a {officer.rank} has no roster by these rules")
        ],
    )
    counts = Counter(tour.day for tour in tours)
    yield (
        "one_tour_a_day",
        len(tours),
        [
            Violation("one_tour_a_day", number, day, f"has {count} tours")
            for day, count in counts.items()
            if count > 1
        ],
    )
    barred_tours_worked = [tour for tour in tours if tour.tour in officer.barred_tours]
    yield (
        "barred_tours",
        len(tours),
        [
            Violation("barred_tours", number, tour.day, f"{tour.tour} is barred by an adjustment")
            for tour in barred_tours_worked
        ],
    )
    kind_of_tour = {kind.tour: kind for kind in rules.tours}
    absence_violations = [
        Violation("available", number, tour.day, "is not available")
        for tour in tours
        if _is_away(spans, tour.day, kind_of_tour[tour.tour], evidence.zone)
    ]
    yield "available", len(tours), absence_violations


def _check_rest(
    officer: Officer, tours: Sequence[WorkedTour], past: Sequence[WorkedTour], rules: RuleBook
) -> Checks:
    all_tours = [*past[-20:], *tours]
    first_day = tours[0].day
    least_hours = rules.value("daily_rest_hours")
    short_rests = [
        Violation(
            "daily_rest_hours",
            officer.staff_number,
            later.day,
            f"{_hours_between(earlier, later):.2g} hours of rest",
        )
        for earlier, later in pairwise(all_tours)
        if later.day >= first_day and _hours_between(earlier, later) < least_hours
    ]
    yield "daily_rest_hours", len(tours), short_rests
    long_blocks = []
    block_start = all_tours[0].start
    for earlier, later in pairwise(all_tours):
        if _hours_between(earlier, later) >= rules.value("weekly_rest_hours"):
            block_start = later.start
        elif (
            later.end.timestamp() - block_start.timestamp() > WEEK_SECONDS
            and later.day >= first_day
            and not _rests_in_fortnight(all_tours, later, rules)
        ):
            problem = f"no rest of {rules.value('weekly_rest_hours'):g} hours for 7 days"
            long_blocks.append(Violation("weekly_rest_hours", officer.staff_number, later.day, problem))
    yield "weekly_rest_hours", len(tours), long_blocks


def _rests_in_fortnight(tours: Sequence[WorkedTour], last: WorkedTour, rules: RuleBook) -> bool:
    """Whether the 14 days up to the end of a tour hold the longer rest that may stand for weekly rest.

    Either in one piece, or in two of the weekly length each. Before the first known tour there is none.
    """
    long_hours = rules.optional_value("fortnight_rest_hours")
    if long_hours is None:
        return False
    first_moment = last.end.timestamp() - 2 * WEEK_SECONDS
    rest_hours = [
        (later.start.timestamp() - max(first_moment, earlier.end.timestamp())) / 3600
        for earlier, later in pairwise(tours)
        if later.start <= last.start and later.start.timestamp() > first_moment
    ]
    weekly_count = sum(hours >= rules.value("weekly_rest_hours") for hours in rest_hours)
    return weekly_count >= 2 or max(rest_hours, default=0.0) >= long_hours


def _hours_between(earlier: WorkedTour, later: WorkedTour) -> float:
    return (later.start.timestamp() - earlier.end.timestamp()) / 3600


def _check_runs(
    officer: Officer, tours: Sequence[WorkedTour], past: Sequence[WorkedTour], rules: RuleBook
) -> Checks:
    night_names = {kind.tour for kind in rules.tours if kind.is_night}
    all_tours = [*past[-14:], *tours]
    first_day = tours[0].day
    night_days = {tour.day for tour in all_tours if tour.tour in night_names}
    for rule, days in (
        ("longest_run_days", {tour.day for tour in all_tours}),
        ("longest_night_run", night_days),
    ):
        too_long_runs = []
        for day in sorted(day for day in days if day >= first_day):
            run_length = 1
            while day - timedelta(days=run_length) in days:
                run_length += 1
            if run_length > rules.value(rule):
                too_long_runs.append(Violation(rule, officer.staff_number, day, f"day {run_length} in a row"))
        yield rule, len(tours), too_long_runs


def _check_hours(
    officer: Officer, tours: Sequence[WorkedTour], past: Sequence[WorkedTour], evidence: Evidence
) -> Checks:
    rules = evidence.rules
    reference_weeks = rules.value("reference_weeks")
    night_names = {kind.tour for kind in rules.tours if kind.is_night}
    long_weeks, long_nights = [], []
    for tour in tours:
        window_start = tour.day - timedelta(days=int(7 * reference_weeks) - 1)
        tours_in_window = [t for t in (*past, *tours) if window_start <= t.day <= tour.day]
        missing_days = max(0, (evidence.past_first_day - window_start).days)
        hours = sum(t.hours for t in tours_in_window) + (officer.earlier_hours or 0.0) / 112 * missing_days
        if hours > rules.value("weekly_hours") * reference_weeks + 1e-6 and not officer.has_opted_out:
            long_weeks.append(
                Violation(
                    "weekly_hours",
                    officer.staff_number,
                    tour.day,
                    f"{hours / reference_weeks:.1f} hours a week",
                )
            )
        night_count = sum(t.tour in night_names for t in tours_in_window)
        # The average leaves out one day of rest a week: six days carry the hours of seven.
        most_hours = rules.value("night_hours") * 6 * reference_weeks
        if night_count >= reference_weeks and hours > most_hours + 1e-6:
            problem = f"{hours / (6 * reference_weeks):.1f} hours a day as a night worker"
            long_nights.append(Violation("night_hours", officer.staff_number, tour.day, problem))
    yield "weekly_hours", len(tours), long_weeks
    yield "night_hours", len(tours), long_nights


def _check_crews(evidence: Evidence, officer_by_number: Mapping[str, Officer]) -> Checks:
    crews: dict[tuple[date, str], list[WorkedTour]] = defaultdict(list)
    uses: dict[tuple[str, date], set[str]] = defaultdict(set)
    for tour in evidence.tours:
        uses[tour.staff_number, tour.day].add(tour.use)
        if tour.use == "patrol":
            crews[tour.day, tour.unit].append(tour)
    rules = evidence.rules
    small_crews = [
        Violation("minimum_crew", members[0].staff_number, day, f"{unit} has {len(members)} officers")
        for (day, unit), members in sorted(crews.items())
        if len(members) < rules.value("minimum_crew")
    ]
    yield "minimum_crew", len(crews), small_crews
    lone_recruits = []
    for (day, unit), members in sorted(crews.items()):
        officers = [officer_by_number[m.staff_number] for m in members if m.staff_number in officer_by_number]
        limit = timedelta(weeks=rules.value("recruit_weeks"))
        recruits = [o for o in officers if o.recruit_since and evidence.first_day < o.recruit_since + limit]
        tutors = [o for o in officers if o.is_tutor and o not in recruits]
        if len(recruits) > len(tutors) * rules.value("recruits_per_tutor"):
            lone_recruits.append(
                Violation(
                    "recruits_per_tutor", recruits[0].staff_number, day, f"{unit} has a recruit and no tutor"
                )
            )
    yield "recruits_per_tutor", len(crews), lone_recruits
    double_duties = [
        Violation("patrol_and_visits", number, day, "serves in two uses on one day")
        for (number, day), day_uses in sorted(uses.items())
        if len(day_uses) > 1
    ]
    yield "patrol_and_visits", len(uses), double_duties


def list_past_tours(
    officers: Sequence[Officer],
    published: Sequence[Sequence[int]],
    spans: Sequence[Span],
    rules: RuleBook,
    *,
    first_day: date,
    until: date,
    zone: str,
) -> tuple[WorkedTour, ...]:
    """What was worked before `until`: the published tours (by number) of those who were not away."""
    spans_of_officer = _latest_spans(spans)
    days = [first_day + timedelta(days=n) for n in range((until - first_day).days)]
    past_tours = []
    for officer, row in zip(officers, published, strict=True):
        officer_spans = spans_of_officer.get(officer.staff_number, ())
        for day, number in zip(days, row, strict=False):
            if number <= 0:
                continue
            kind = rules.tours[number - 1]
            if not _is_away(officer_spans, day, kind, zone):
                start = datetime.combine(day, kind.start, ZoneInfo(zone))
                past_tours.append(
                    WorkedTour(
                        officer.staff_number,
                        start,
                        kind.hours,
                        day,
                        kind.tour,
                        officer.command_unit,
                        "",
                        "patrol",
                    )
                )
    return tuple(past_tours)


def _is_away(spans: Sequence[Span], day: date, kind: TourKind, zone: str) -> bool:
    """Whether the officer is away in any half-day that a tour of this kind touches.

    An absence that came within the tour, and was recorded only after it had begun, does not undo it.
    """
    starts_at = datetime.combine(day, kind.start)
    known_from = starts_at.replace(tzinfo=ZoneInfo(zone))
    earlier_spans = [
        span for span in spans if span.may_patrol or span.since <= starts_at or span.recorded_at <= known_from
    ]
    half_day = starts_at.replace(hour=starts_at.hour // 12 * 12, minute=0)
    while half_day < starts_at + timedelta(hours=kind.hours):
        span = _state_at(earlier_spans, half_day)
        if span is not None and not span.may_patrol:
            return True
        half_day += timedelta(hours=12)
    return False
