"""Periods of whole civil days, and the ways in which people write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from becalm.terms.errors import UsageError

PeriodUnit = Literal["month", "week", "day"]

PERIOD_FORMS: Final = (
    "Write 2020-04 (a month), 2020-04..2020-05 (months, both included), 2020-W14..2020-W19 (ISO weeks, "
    'both included), 2020-04-01..2020-05-12 (days, both included), 2020 (a year) or "last 6 weeks".'
)
_NUMBER_WORDS: Final = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
]  # fmt: skip
MOST_UNITS_BACK: Final = 5_000
_LAST_PATTERN: Final = re.compile(
    r"(?:the\s+)?last\s+(?:(?P<number>\d+|[a-z]+)\s+)?(?P<unit>day|week|month)s?", re.IGNORECASE
)
_UNIT_PATTERNS: Final = {
    "month": re.compile(r"[12]\d{3}-\d{2}", re.ASCII),
    "week": re.compile(r"[12]\d{3}-W\d{2}", re.ASCII),
    "day": re.compile(r"[12]\d{3}-\d{2}-\d{2}", re.ASCII),
    "year": re.compile(r"[12]\d{3}", re.ASCII),
}
_MONTH_NAMES: Final = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_LOOSE_PATTERNS: Final = (
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
    r"(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})",
    r"(?P<year>\d{4})[-\s]?[wW](?P<week>\d{1,2})",
    r"(?P<year>\d{4})[-/.]?(?P<month>\d{1,2})",
    r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
    r"(?P<month_name>[A-Za-z]{3,9})\.?\s+(?P<year>\d{4})",
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole civil days in the city's zone; `start` included, `end` excluded."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(
                f"The period ends on {self.end}, not after its start {self.start}. "
                "Give the day after the last day you want counted."
            )

    def __str__(self) -> str:
        return f"{self.start} to {self.last_day}"

    @property
    def last_day(self) -> date:
        """The last day that it holds."""
        return self.end - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many civil days it holds."""
        return (self.end - self.start).days

    @property
    def is_whole_months(self) -> bool:
        """Whether it starts and ends on the first of a month."""
        return self.start.day == 1 and self.end.day == 1

    @property
    def is_whole_weeks(self) -> bool:
        """Whether it starts and ends on a Monday."""
        return self.start.weekday() == 0 and self.end.weekday() == 0

    @property
    def months(self) -> tuple[str, ...]:
        """Every month it touches, written YYYY-MM."""
        month_texts = []
        first_day = self.start.replace(day=1)
        while first_day < self.end:
            month_texts.append(f"{first_day:%Y-%m}")
            first_day = (first_day + timedelta(days=32)).replace(day=1)
        return tuple(month_texts)

    def overlaps(self, period: "Period") -> bool:
        """Whether a day lies in both."""
        return self.start < period.end and period.start < self.end

    def holds(self, period: "Period") -> bool:
        """Whether every day of that one lies in this one."""
        return self.start <= period.start and period.end <= self.end


@dataclass(frozen=True, slots=True)
class WrittenPeriod:
    """A period as it was asked for: its days, the unit it was written in, and the words used."""

    period: Period
    unit: PeriodUnit
    text: str


def parse_period(text: str, *, last_day: date) -> WrittenPeriod:
    """Which days does this text mean?

    Both ends that are written are included: "2020-04-01..2020-05-12" counts 12 May, and the
    period's `end`, which is excluded, is 13 May. "last 6 weeks" is the 42 days that end with
    `last_day`, the last full day that the records cover (never today); "last 2 months" is the last
    two whole months up to it.

    >>> parse_period("2020-04..2020-05", last_day=date(2020, 5, 31)).period
    Period(start=datetime.date(2020, 4, 1), end=datetime.date(2020, 6, 1))

    Raises UsageError where the text is none of these forms, with the corrected form where it is clear.
    """
    text = text.strip()
    last_n_match = _LAST_PATTERN.fullmatch(text)
    if last_n_match:
        return _read_last(text, last_n_match, last_day)
    first_text, dots, final_text = (part.strip() for part in text.partition(".."))
    final_text = final_text if dots else first_text
    unit = _find_unit(first_text, text)
    if _find_unit(final_text, text) != unit:
        raise UsageError(
            f"The period {text!r} mixes {unit}s with {_find_unit(final_text, text)}s. {PERIOD_FORMS}"
        )
    first_day, day_after = _UNIT_READERS[unit](first_text)[0], _UNIT_READERS[unit](final_text)[1]
    if day_after <= first_day:
        raise UsageError(
            f"The period {text!r} ends before it starts. "
            f"Did you mean {f'{final_text}..{first_text}'!r}? {PERIOD_FORMS}"
        )
    period_unit: PeriodUnit = "month" if unit == "year" else unit  # type: ignore[assignment]  # keys of _UNIT_READERS
    return WrittenPeriod(Period(first_day, day_after), period_unit, text)


def needs_days(text: str) -> bool:
    """Is this text about days or ISO weeks, so that records of whole months cannot answer it?"""
    last_n_match = _LAST_PATTERN.fullmatch(text.strip())
    if last_n_match:
        return last_n_match["unit"].lower() != "month"
    return bool(re.match(r"\d{4}-(W|\d{2}-)", text.strip()))


def read_number(word: str) -> int | None:
    """Which number is this, in digits or in words up to twelve?"""
    if word.isdecimal():
        return int(word[:9])
    return _NUMBER_WORDS.index(word.lower()) + 1 if word.lower() in _NUMBER_WORDS else None


def month_start(year: int, month: int) -> date:
    """The first day of this month; months before 1 and after 12 run into other years."""
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _read_last(text: str, match: re.Match[str], last_day: date) -> WrittenPeriod:
    unit_count = read_number(match["number"] or "1")
    unit: PeriodUnit = match["unit"].lower()  # type: ignore[assignment]  # the pattern allows only the three
    if not unit_count or unit_count > MOST_UNITS_BACK:
        raise UsageError(f'{text!r} does not say how many {unit}s. Write, for example, "last 6 {unit}s".')
    day_after = last_day + timedelta(days=1)
    if unit == "month":
        first_day = month_start(day_after.year, day_after.month - unit_count)
        return WrittenPeriod(Period(first_day, day_after.replace(day=1)), unit, text)
    day_count = unit_count * (7 if unit == "week" else 1)
    return WrittenPeriod(Period(day_after - timedelta(days=day_count), day_after), "day", text)


def _find_unit(part: str, text: str) -> str:
    period_unit = next(
        (period_unit for period_unit, pattern in _UNIT_PATTERNS.items() if pattern.fullmatch(part)), None
    )
    if period_unit is None:
        suggested_text = suggest_period(part)
        hint_text = f"Did you mean {suggested_text!r}? " if suggested_text else ""
        raise UsageError(
            f"{part!r} in the period {text!r} is not a month, week, day or year. {hint_text}{PERIOD_FORMS}"
        )
    return period_unit


def suggest_period(part: str) -> str | None:
    """What did the writer of this probably mean, in a form that can be read?"""
    date_match = next(
        (date_match for pattern in _LOOSE_PATTERNS if (date_match := re.fullmatch(pattern, part))), None
    )
    if date_match is None:
        return None
    text_by_field = date_match.groupdict()
    if "week" in text_by_field:
        return f"{text_by_field['year']}-W{int(text_by_field['week']):02}"
    if "month_name" in text_by_field:
        month_names = [name for name in _MONTH_NAMES if name.startswith(text_by_field["month_name"].lower())]
        return f"{text_by_field['year']}-{_MONTH_NAMES.index(month_names[0]) + 1:02}" if month_names else None
    day_suffix = f"-{int(text_by_field['day']):02}" if "day" in text_by_field else ""
    return f"{text_by_field['year']}-{int(text_by_field['month']):02}{day_suffix}"


def _read_year(part: str) -> tuple[date, date]:
    return date(int(part), 1, 1), date(int(part) + 1, 1, 1)


def _read_month(part: str) -> tuple[date, date]:
    year_number, month_number = int(part[:4]), int(part[5:])
    if not 1 <= month_number <= 12:
        raise UsageError(f"{part!r} is not a month: months run from {year_number}-01 to {year_number}-12.")
    return month_start(year_number, month_number), month_start(year_number, month_number + 1)


def _read_week(part: str) -> tuple[date, date]:
    year_number, week_number = int(part[:4]), int(part[6:])
    if not 1 <= week_number <= weeks_in(year_number):
        raise UsageError(
            f"{part!r} is not a week: ISO year {year_number} has weeks W01 to W{weeks_in(year_number)}."
        )
    monday = date.fromisocalendar(year_number, week_number, 1)
    return monday, monday + timedelta(days=7)


def _read_day(part: str) -> tuple[date, date]:
    try:
        parsed_day = date.fromisoformat(part)
    except ValueError as error:
        _, month_end = _read_month(part[:7])
        last_day = month_end - timedelta(days=1)
        raise UsageError(f"{part!r} is not a date: {part[:7]} ends on {last_day}.") from error
    return parsed_day, parsed_day + timedelta(days=1)


def weeks_in(iso_year: int) -> int:
    """How many ISO weeks does this ISO year have, 52 or 53?"""
    return date(iso_year, 12, 28).isocalendar().week


_UNIT_READERS: Final[dict[str, Callable[[str], tuple[date, date]]]] = {
    "year": _read_year,
    "month": _read_month,
    "week": _read_week,
    "day": _read_day,
}
