"""Who carries nights, weekends and cancelled rest days, who is owed days, and how far apart are they?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median

from becalm.staff.core.force import Officer
from becalm.staff.core.judge import WorkedTour
from becalm.staff.core.rule_book import REST_DAY, RuleBook

FAIRNESS_WEEKS = 12
MEASURES = ("nights", "weekend_days", "rest_days_cancelled", "days_owed")


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
) -> tuple[Burden, ...]:
    """What each officer whom the rules roster carried in the 12 weeks that end with `last_day`."""
    night_names = {kind.tour for kind in rules.tours if kind.is_night}
    first_day = last_day - timedelta(weeks=FAIRNESS_WEEKS) + timedelta(days=1)
    tours_of_officer: dict[str, list[WorkedTour]] = defaultdict(list)
    for tour in tours:
        if first_day <= tour.day <= last_day:
            tours_of_officer[tour.staff_number].append(tour)
    cancelled_count, owed_count = count_rest_days(changes, first_day, last_day)
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
        )
        for officer in officers
        if officer.rank in rules.rostered_ranks
        for own_tours in (tours_of_officer[officer.staff_number],)
    )


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
