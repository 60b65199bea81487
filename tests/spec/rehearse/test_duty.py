"""The law of a roster is counted from its file alone, and so is what it lacks."""

from __future__ import annotations

from becalm.rehearse.duty import count_breaches, count_short


def tour(officer: str, day: str, name: str, start: str, unit: str = "Ash") -> dict[str, str]:
    return {
        "staff_number": officer,
        "day": day,
        "tour": name,
        "command_unit": unit,
        "start": start,
        "hours": "8",
    }


def test_a_rest_of_eleven_hours_is_lawful_and_less_is_not() -> None:
    late = tour("D1", "2020-05-04", "late", "14:00")
    assert count_breaches([late, tour("D1", "2020-05-05", "early", "09:00")], set()) == 0
    assert count_breaches([late, tour("D1", "2020-05-05", "early", "08:59")], set()) == 1
    assert count_breaches([late, tour("D2", "2020-05-05", "early", "06:00")], set()) == 0


def test_nobody_works_while_away_or_twice_a_day() -> None:
    early, late = tour("D1", "2020-05-04", "early", "06:00"), tour("D1", "2020-05-04", "late", "15:00")
    assert count_breaches([early], {("D1", "2020-05-04")}) == 1
    assert count_breaches([early, late], set()) == 1


def test_a_tour_with_too_many_does_not_fill_another() -> None:
    needs = [
        {"command_unit": "Ash", "day": "2020-05-04", "tour": "early", "officers": 1},
        {"command_unit": "Ash", "day": "2020-05-04", "tour": "late", "officers": 3},
        {"command_unit": "Elm", "day": "2020-05-04", "tour": "late", "officers": 1},
    ]
    rows = [
        tour("D1", "2020-05-04", "early", "06:00"),
        tour("D2", "2020-05-04", "early", "06:00"),
        tour("D3", "2020-05-04", "late", "14:00"),
    ]
    assert count_short(rows, needs) == 0 + 2 + 1
