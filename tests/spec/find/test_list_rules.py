"""What a list keeps under rules, what each rule costs, and which rules are refused by name and amount."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from becalm.find import Candidates, Rules, choose_places, read_hours
from becalm.find.files.rules_file import read_rules, weighed_decision_in_words
from becalm.terms import DayHours, InputError, PlaceDecision, QuestionError, UsageError

NAMES = ("North", "South")
ALONG_A_ROAD = Candidates(
    expected_values=np.array([5.0, 9.0, 5.5, 3.0, 2.0, 1.0]),
    x_m=np.arange(6) * 100.0,
    y_m=np.zeros(6),
    area_index=np.array([0, 0, 0, 1, 1, -1]),
    area_names=NAMES,
    number_by_id={f"place_{i}": i for i in range(6)},
    width_m=100.0,
)


def include(place: int) -> PlaceDecision:
    return PlaceDecision(f"place_{place}", include=True, reason="asked for", by="B. Commander")


def leave_out(place: int) -> PlaceDecision:
    return PlaceDecision(f"place_{place}", include=False, reason="covered", by="B. Commander")


def listed(**rules: object) -> list[int]:
    return choose_places(ALONG_A_ROAD, Rules(**rules)).listed_index.tolist()


def prices(**rules: object) -> dict[str, tuple[float | None, float | None]]:
    made = choose_places(ALONG_A_ROAD, Rules(**rules)).selection.prices
    return {price.rule: (price.relaxation_gain, price.removal_gain) for price in made}


def test_without_rules_the_best_places_are_listed_best_first():
    assert listed(count=3) == [1, 2, 0]


def test_one_great_place_gives_way_to_two_good_ones_that_lie_apart():
    """On the road 9 and 3 are best; with 8 and 7 beside the 9, these two are."""
    assert listed(count=2, separation_m=200.0) == [1, 3]
    richer = Candidates(
        expected_values=np.array([8.0, 9.0, 7.0]),
        x_m=np.arange(3) * 100.0,
        y_m=np.zeros(3),
        area_index=np.full(3, -1),
        area_names=(),
        number_by_id={},
        width_m=100.0,
    )
    assert choose_places(richer, Rules(count=2, separation_m=200.0)).listed_index.tolist() == [0, 2]


def test_floors_and_caps_hold():
    assert listed(count=3, floors={"South": 2}) == [1, 3, 4]
    assert listed(count=3, caps={"North": 1}) == [1, 3, 4]


def test_decisions_hold_and_the_list_stays_in_order():
    assert listed(count=3, decisions=(leave_out(1), include(5))) == [2, 0, 5]


def test_each_rule_has_its_price_in_expected_incidents():
    assert prices(count=3, floors={"South": 1}) == {
        "3 places": (5.0, None),
        "at least 1 in South": (2.0, 2.0),
    }
    assert prices(count=2, caps={"North": 1})["at most 1 in North"] == (2.5, 2.5)
    assert prices(count=1, decisions=(leave_out(1),))["leave out place_1"] == (3.5, 3.5)
    assert prices(count=2, decisions=(include(5),))["include place_5"] == (4.5, 4.5)


def test_a_decision_stands_beside_the_rank_of_its_place_and_what_it_costs():
    """Place 1 is the best of the road and is left out; place 5 is the last and must be in."""
    made = choose_places(ALONG_A_ROAD, Rules(count=2, decisions=(leave_out(1), include(5)))).selection
    assert [(w.decision.place_id, w.rank, w.missed_incidents) for w in made.weighed_decisions] == [
        ("place_1", 1, 3.5),
        ("place_5", 6, 4.0),
    ]
    assert weighed_decision_in_words(made.weighed_decisions[1], 6) == (
        "include place_5 (B. Commander, no date, file of rules): asked for. By the records alone it ranks 6 "
        "of 6 places; the list misses 4.00 expected incidents in 30 days because of the decision."
    )


def test_a_decision_that_the_list_would_have_made_costs_nothing():
    (free,) = choose_places(ALONG_A_ROAD, Rules(count=2, decisions=(include(1),))).selection.weighed_decisions
    assert weighed_decision_in_words(free, 6).endswith("ranks 1 of 6 places; the decision costs nothing.")


def test_a_rule_that_binds_nothing_costs_nothing():
    assert prices(count=2, caps={"North": 3})["at most 3 in North"] == (0.0, 0.0)


def test_a_decision_about_no_place_of_this_ground_is_told_and_changes_nothing():
    elsewhere = PlaceDecision("place_99", include=True, reason="far away")
    choice = choose_places(ALONG_A_ROAD, Rules(count=2, decisions=(elsewhere,)))
    assert choice.listed_index.tolist() == [1, 2]
    assert (choice.selection.decisions, choice.selection.unmatched) == ((), (elsewhere,))


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"floors": {"South": 3}}, "has 2 places, 1 fewer than its floor of 3"),
        (
            {"floors": {"North": 2}, "separation_m": 250.0},
            "holds at most 1 place 250 m apart, 1 fewer than its floor of 2",
        ),
        ({"decisions": (include(0), include(2)), "separation_m": 300.0}, "200 m apart, 100 m less"),
        ({"decisions": (include(0), include(2)), "caps": {"North": 1}}, "1 more than its cap of 1"),
        ({"count": 1, "decisions": (include(0), include(2))}, "1 too many for a list of 1"),
        ({"floors": {"South": 2}, "decisions": (leave_out(3),)}, "has 1 place, 1 fewer"),
    ],
)
def test_rules_that_this_ground_cannot_keep_are_refused_by_name_and_amount(rules, says):
    with pytest.raises(QuestionError) as caught:
        choose_places(ALONG_A_ROAD, Rules(**{"count": 4, **rules}))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"count": 0}, "is empty"),
        ({"separation_m": float("nan")}, "is not possible"),
        ({"floors": {"North": -1}}, "no numbers of places"),
        ({"floors": {"North": 3}, "caps": {"North": 2}}, "1 above its cap of 2"),
        ({"count": 3, "floors": {"North": 2, "South": 2}}, "1 more than the 3 places"),
        ({"decisions": (include(1), leave_out(1))}, "must be on the list"),
    ],
)
def test_rules_that_no_ground_can_keep_are_refused_when_made(rules, says):
    with pytest.raises(UsageError) as caught:
        Rules(**rules)
    assert says in str(caught.value)


def test_an_area_that_is_not_known_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'North'"):
        listed(count=2, floors={"Nort": 1})


@pytest.mark.parametrize(
    ("text", "hours"),
    [("day", range(7, 19)), ("night", [*range(19, 24), *range(7)]), ("22-04", [22, 23, 0, 1, 2, 3])],
)
def test_hours_are_read_past_midnight(text, hours):
    assert read_hours(text).of_day == tuple(hours)


@pytest.mark.parametrize(
    ("text", "first", "count", "written"),
    [
        ("Fri 18-24", 4 * 24 + 18, 6, "Fri 18-24"),
        ("friday", 4 * 24, 24, "Fri 00-24"),
        ("Sat-Mon 00-06", 0, 18, "Sat,Sun,Mon 00-06"),
        ("Fri, Sat night", 4 * 24 + 19, 24, "Fri,Sat 19-07"),
    ],
)
def test_hours_may_be_of_some_days(text, first, count, written):
    hours = read_hours(text)
    assert (hours.of_week[0], len(hours.of_week), str(hours)) == (first, count, written)


def test_a_sunday_night_runs_into_monday():
    assert read_hours("Sun 23-01").of_week == (0, 167)


def test_hours_without_days_are_those_of_every_day():
    assert read_hours("22-04").of_week == tuple(h for h in range(168) if h % 24 in (22, 23, 0, 1, 2, 3))


@pytest.mark.parametrize(
    "text",
    [
        "Fr 18-24",
        "Fryday",
        "Fri-Xyz 1-2",
        "Fri 18-25",
        "18-24 Fri",
        "",
        "dusk",
        "22",
        "7-7",
        "25-3",
        "0-24",
        "-3-4",
    ],
)
def test_hours_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="names no hours"):
        read_hours(text)


def test_a_decision_without_a_reason_cannot_be_made():
    with pytest.raises(ValueError, match="has no reason"):
        PlaceDecision("place_1", include=True, reason=" ")


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, "utf-8")
    return path


def test_an_empty_file_of_rules_equals_the_defaults(tmp_path):
    file = written(tmp_path, 'author = "A. Analyst"\ndate = 2020-06-01\n')
    read = read_rules(file, count=250, separation_m=0.0)
    assert read == Rules(author="A. Analyst", written_on=date(2020, 6, 1))


def test_a_file_of_rules_is_read_whole(tmp_path):
    file = written(
        tmp_path,
        'author = "A"\ndate = 2020-06-01\ncount = 9\nseparation_m = 300\nwhen = "22-04"\n'
        "[areas.North]\nfloor = 2\ncap = 4\n"
        '[[leave_out]]\nplace = "place_1"\nreason = "covered"\n',
    )
    read = read_rules(file, count=250, separation_m=0.0)
    assert (read.count, read.separation_m, read.hours) == (9, 300.0, DayHours(22, 4))
    assert (dict(read.floors), dict(read.caps)) == ({"North": 2}, {"North": 4})
    (decision,) = read.decisions
    assert (decision.place_id, decision.by, decision.on) == ("place_1", "A", date(2020, 6, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("count = 9\n", "author"),
        ('author = "A"\ndate = 2020-06-01\nconut = 9\n', "conut"),
        ('author = "A"\ndate = 2020-06-01\n[[include]]\nplace = "x"\n', "reason"),
        ("author = \n", "not valid TOML"),
    ],
)
def test_a_faulty_file_of_rules_is_refused_with_what_is_wrong(tmp_path, text, says):
    with pytest.raises(InputError) as caught:
        read_rules(written(tmp_path, text), count=250, separation_m=0.0)
    assert says in str(caught.value)
