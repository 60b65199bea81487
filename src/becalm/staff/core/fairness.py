"""Who carries nights, weekends and cancelled rest days, who is owed days, who is beyond the contract?"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median

from becalm.staff.core.force import Force, Officer
from becalm.staff.core.forecast import mark_tours
from becalm.staff.core.judge import WorkedTour
from becalm.staff.core.rule_book import REST_DAY, RuleBook

FAIRNESS_WEEKS = 12
MEASURES = ("nights", "weekend_days", "rest_days_cancelled", "days_owed", "hours_balance")


@dataclass(frozen=True, slots=True)
class DayChange:
    """A change of one officer's day, as a roster or the ledger says it."""

    staff_number: str
    day: date
    old: str
    new: str
    notice_class: str


@dataclass(frozen=True, slots=True)
class Burden:
    """What one officer carried in the weeks up to the end of a roster."""

    staff_number: str
    command_unit: str
    tours: int
    hours: float
    nights: int
    weekend_days: int
    rest_days_cancelled: int
    days_owed: int
    hours_away: float  # of published tours that fell on leave, sickness or another duty
    hours_contracted: float  # by the contract's hours a week, over the days that the roster covers

    @property
    def hours_balance(self) -> float:
        """Hours beyond the contract, below 0 where fewer: an absence counts as if it had been worked."""
        return round(self.hours + self.hours_away - self.hours_contracted, 2)


@dataclass(frozen=True, slots=True)
class Spread:
    """How far one burden differs within a command unit."""

    command_unit: str
    measure: str
    officers: int
    least: float
    median: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Derogation:
    """A rule that was set aside for one officer, and the rest that makes up for it."""

    staff_number: str
    rule: str
    day: str
    rest_until: str
    by: str


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """Burdens, their spread and every derogation."""

    first_day: date
    last_day: date
    burdens: tuple[Burden, ...]
    spreads: tuple[Spread, ...]
    derogations: tuple[Derogation, ...]
    violation_count: int


def measure_burdens(
    officers: Sequence[Officer],
    tours: Iterable[WorkedTour],
    changes: Iterable[DayChange],
    rules: RuleBook,
    *,
    last_day: date,
    force: Force,
) -> tuple[Burden, ...]:
    """What each officer whom the rules roster carried in the 12 weeks that end with `last_day`.

    `force` says what was published for them and when they were away, back to the roster's first day.
    """
    night_names = {kind.tour for kind in rules.tours if kind.is_night}
    first_day = last_day - timedelta(weeks=FAIRNESS_WEEKS) + timedelta(days=1)
    tours_of_officer: dict[str, list[WorkedTour]] = defaultdict(list)
    for tour in tours:
        if first_day <= tour.day <= last_day:
            tours_of_officer[tour.staff_number].append(tour)
    cancelled_count, owed_count = count_rest_days(changes, first_day, last_day)
    first_day = max(first_day, force.first_day)
    worked_days = {(tour.staff_number, tour.day) for row in tours_of_officer.values() for tour in row}
    away_hours = _count_hours_away(force, rules, worked_days, first_day, last_day)
    weeks = ((last_day - first_day).days + 1) / 7
    return tuple(
        Burden(
            staff_number=officer.staff_number,
            command_unit=officer.command_unit,
            tours=len(own_tours),
            hours=sum(tour.hours for tour in own_tours),
            nights=sum(tour.tour in night_names for tour in own_tours),
            weekend_days=sum(tour.day.weekday() >= 5 for tour in own_tours),
            rest_days_cancelled=cancelled_count[officer.staff_number],
            days_owed=owed_count[officer.staff_number],
            hours_away=away_hours[officer.staff_number],
            hours_contracted=round(officer.contracted_hours * weeks, 2),
        )
        for officer in officers
        if officer.rank in rules.rostered_ranks
        for own_tours in (tours_of_officer[officer.staff_number],)
    )


def _count_hours_away(
    force: Force, rules: RuleBook, worked_days: Collection[tuple[str, date]], first_day: date, last_day: date
) -> Mapping[str, float]:
    """Hours of published tours that an absence took; a day that was worked after all is none."""
    away_hours = defaultdict[str, float](float)
    is_tour_away = mark_tours(force, rules)
    first_column, last_column = force.day_index(first_day), force.day_index(last_day)
    for row, officer in enumerate(force.officers):
        for column in range(max(0, first_column), min(last_column + 1, force.days)):
            tour, day = int(force.published[row, column]), force.first_day + timedelta(days=column)
            is_away = tour > 0 and bool(is_tour_away[row, column, tour - 1])
            if is_away and (officer.staff_number, day) not in worked_days:
                away_hours[officer.staff_number] += rules.tours[tour - 1].hours
    return away_hours


def count_rest_days(
    changes: Iterable[DayChange], first_day: date, last_day: date
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Rest days cancelled in this time, and days owed for them: a cancelled one given back owes nothing."""
    latest_change: dict[tuple[str, date], DayChange] = {}
    for change in changes:  # in the order in which they were made
        first_old = latest_change.get((change.staff_number, change.day), change).old
        latest_change[change.staff_number, change.day] = DayChange(
            change.staff_number, change.day, first_old, change.new, change.notice_class
        )
    cancelled_count, owed_count = Counter[str](), Counter[str]()
    for change in latest_change.values():
        if change.old == REST_DAY != change.new:
            owed_count[change.staff_number] += 1
            cancelled_count[change.staff_number] += first_day <= change.day <= last_day
    return cancelled_count, owed_count


def measure_spreads(burdens: Sequence[Burden]) -> tuple[Spread, ...]:
    """The least, the middle and the most of each burden in each command unit."""
    units = sorted({burden.command_unit for burden in burdens})
    spreads = []
    for unit in units:
        for measure in MEASURES:
            values = [float(getattr(b, measure)) for b in burdens if b.command_unit == unit]
            spreads.append(
                Spread(
                    unit,
                    measure,
                    len(values),
                    min(values),
                    median(values),
                    round(fmean(values), 2),
                    max(values),
                )
            )
    return tuple(spreads)
