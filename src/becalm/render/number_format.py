"""Numbers, days and periods as a reader expects them: thousands separated, a true minus, whole words."""

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from becalm.terms import Period

MINUS = "\N{MINUS SIGN}"
NO_VALUE = "\N{EN DASH}"


def whole(value: float | None) -> str:
    """A count.

    >>> whole(74885), whole(None)
    ('74,885', '–')
    """
    return NO_VALUE if value is None else _true_minus(f"{value:,.0f}")


def decimal(value: float | None, places: int = 1) -> str:
    """A number with fixed decimals."""
    return NO_VALUE if value is None else _true_minus(f"{value:,.{places}f}")


def with_sign(value: float | None, places: int = 0) -> str:
    """A difference, with its sign.

    >>> with_sign(-26215), with_sign(1722), with_sign(0)
    ('−26,215', '+1,722', '0')
    """
    if value is None:
        return NO_VALUE
    return _true_minus(f"{value:+,.{places}f}") if round(value, places) else f"{0:.{places}f}"


def percent(value: float | None, places: int = 1) -> str:
    """A change in per cent, with its sign.

    >>> percent(-35.006), percent(float("inf"))
    ('−35.0%', 'no upper end')
    """
    if value is not None and math.isinf(value):
        return "no upper end"
    return NO_VALUE if value is None else f"{with_sign(value, places)}%"


def share(value: float | None, places: int = 1) -> str:
    """A share in [0, 1] as per cent.

    >>> share(0.174)
    '17.4%'
    """
    return NO_VALUE if value is None else f"{value * 100:.{places}f}%"


def part(value: float) -> str:
    """A share of a whole in per cent, without decimals; a small one is not called nothing.

    >>> part(0.94), part(0.004), part(0.0)
    ('94%', 'under 1%', '0%')
    """
    return "under 1%" if 0 < value < 0.01 else share(value, 0)


def chance(value: float | None) -> str:
    """A probability; never shown as an impossible 0 or a certain 1 unless it is."""
    if value is None:
        return NO_VALUE
    if 0 < value < 0.01:
        return "<0.01"
    return ">0.99" if 0.99 < value < 1 else f"{value:.2f}"


def day(value: date) -> str:
    """A civil day.

    >>> day(date(2020, 4, 6))
    '6 April 2020'
    """
    return f"{value.day} {value:%B %Y}"


def month(value: date | str) -> str:
    """A month, from its first day or from YYYY-MM."""
    first_day = date.fromisoformat(f"{value}-01") if isinstance(value, str) else value
    return f"{first_day:%B %Y}"


def instant(value: datetime) -> str:
    """An instant in UTC."""
    return f"{day(value.date())}, {value:%H:%M} UTC"


def period(value: Period) -> str:
    """A period by the name that people call it.

    >>> period(Period(date(2020, 4, 1), date(2020, 5, 1)))
    'April 2020'
    >>> period(Period(date(2020, 3, 1), date(2020, 6, 1)))
    'March to May 2020'
    >>> period(Period(date(2020, 4, 6), date(2020, 5, 18)))
    '6 April to 17 May 2020'
    """
    last_day = value.end - timedelta(days=1)
    if not value.is_whole_months:
        return day(last_day) if value.days == 1 else f"{_first_day(value.start, last_day)} to {day(last_day)}"
    if len(value.months) == 1:
        return month(value.start)
    if value.start.month == 1 and last_day.month == 12 and value.start.year == last_day.year:
        return str(value.start.year)
    first_month_text = f"{value.start:%B}" if value.start.year == last_day.year else month(value.start)
    return f"{first_month_text} to {month(last_day)}"


def join_words(words: Sequence[str]) -> str:
    """A list in a sentence.

    >>> join_words(["robbery", "burglary", "theft"])
    'robbery, burglary and theft'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def capital(words: str) -> str:
    """The words with a capital at the front and the rest untouched."""
    return words[:1].upper() + words[1:]


def inside(words: str) -> str:
    """A label as it stands inside a sentence: its capital goes, unless the whole word is in capitals.

    >>> inside("Violence with injury"), inside("ASB")
    ('violence with injury', 'ASB')
    """
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def _first_day(start: date, last_day: date) -> str:
    if start.year != last_day.year:
        return day(start)
    return str(start.day) if start.month == last_day.month else f"{start.day} {start:%B}"


def _true_minus(digits: str) -> str:
    return digits.replace("-", MINUS)
