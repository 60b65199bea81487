"""Public holidays of a country or a part of it, by day."""

from collections.abc import Iterable, Mapping
from datetime import date

import holidays

from becalm.terms import WorkspaceError


def list_public_holidays(calendar: str, years: Iterable[int]) -> Mapping[date, str]:
    """Which days of these years are holidays in this calendar ("GB-ENG", "US-IL"), and what are they called?

    A day in lieu keeps its own name ("Boxing Day (substitute day)"). An empty calendar has none.

    Raises WorkspaceError where the calendar is not known.

    >>> days = list_public_holidays("GB-ENG", [2019, 2020])
    >>> [str(day) for day, name in days.items() if name == "May Day"]
    ['2019-05-06', '2020-05-08']
    """
    if not calendar:
        return {}
    country, _, part = calendar.partition("-")
    try:
        holiday_names = holidays.country_holidays(country, subdiv=part or None, years=years, language="en_US")
    except NotImplementedError as error:
        raise WorkspaceError(
            f"There is no holiday calendar {calendar!r}. In becalm.toml, set city.holidays to a country "
            'or a part of one, such as "GB-ENG" or "US-IL", or leave it empty.'
        ) from error
    return dict(sorted(holiday_names.items()))
