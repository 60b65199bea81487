"""What a list of hotspots says, on ground small enough to see through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from made_places import BORROWING, ROBBERY, drawn_places, place_counts, true_rates

from becalm.find.core.choose_places import select_separated
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.settings import FindSettings, choose_targets, merge_groups
from becalm.terms import InputError, OffenceGroup, QuestionError, UsageError

SMALL = FindSettings(count=10)


def listed(counts, targets=ROBBERY, *, settings=SMALL, seed=1, **options):
    rng = np.random.default_rng(seed)
    return find_hotspots(counts, targets, crs="EPSG:27700", settings=settings, rng=rng, **options)


def until(counts, months):
    """The same counts as they stood after their first months."""
    kept = counts.month_index < months
    arrays = ("columns", "rows", "month_index", "group_index", "counts")
    return replace(
        counts, months=counts.months[:months], **{name: getattr(counts, name)[kept] for name in arrays}
    )


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(20)
    return drawn_places(true_rates(30, rng), rng)


def test_the_fullest_cell_comes_first_where_nothing_else_tells_them_apart():
    steady = [(c, 0, t, "robbery", n) for c, n in ((2, 5), (7, 3), (11, 1)) for t in range(24)]
    ground = [(c, 0, 0, "violence", 1) for c in range(20)]
    found = listed(place_counts(steady + ground), settings=FindSettings(count=3))
    assert [h.column for h in found.hotspots] == [2, 7, 11]
    assert [round(h.expected_count.value, 1) for h in found.hotspots] == pytest.approx(
        [4.9, 2.9, 1.0], abs=0.2
    )


def test_expected_counts_are_for_thirty_days_and_stand_inside_their_interval(counts):
    found = listed(counts, settings=FindSettings(count=900))
    robberies = counts.counts[counts.group_index == counts.groups.index("robbery")].sum()
    assert sum(h.expected_count.value for h in found.hotspots) == pytest.approx(robberies / 730 * 30, rel=0.1)
    assert all(
        h.expected_count.low <= h.expected_count.value <= h.expected_count.high for h in found.hotspots
    )


def test_every_probability_of_being_in_the_top_is_shared_out_exactly(counts):
    found = listed(counts, settings=FindSettings(count=100))
    everyone = listed(counts, settings=FindSettings(count=900))
    assert 0.5 < found.mean_p_top < 1.0
    assert all(h.p_top == 1.0 for h in everyone.hotspots)


def test_ranks_stand_in_their_interval_mostly_and_groups_rise_with_rank(counts):
    found = listed(counts).hotspots
    assert sum(h.rank_low <= h.rank <= h.rank_high for h in found) >= 8
    assert [h.tie_group for h in found] == sorted(h.tie_group for h in found)


def test_places_with_the_same_past_share_a_tie_group():
    alike = [(3 * c, 3 * r, t, "robbery", 1) for c in range(6) for r in range(6) for t in range(24)]
    found = listed(place_counts([*alike, (50, 50, 0, "robbery", 1)]))
    assert {h.tie_group for h in found.hotspots} == {1}
    assert found.tied_below >= 26


def test_what_police_find_counts_neither_as_target_nor_as_ground():
    robbery = [(c, 0, t, "robbery", 1) for c in range(12) for t in range(24)]
    plain = listed(place_counts(robbery))
    with_drugs = listed(
        place_counts([*robbery, *[(5, 0, t, "drugs", 500) for t in range(24)], (99, 99, 3, "drugs", 9)])
    )
    assert with_drugs.hotspots == plain.hotspots
    assert with_drugs.places == 12
    assert with_drugs.excluded_groups == ("drugs",)


def test_related_offences_move_the_list_with_a_share_that_is_shown(counts):
    alone, borrowing = listed(counts, ROBBERY), listed(counts, BORROWING)
    shares = {part.name: part.share for part in borrowing.blend}
    assert shares["related"] > 0.1
    assert "related" not in {part.name for part in alone.blend}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert all(share >= 0 for share in shares.values())


def test_a_boundary_gives_exact_areas_and_leaves_the_rest_out(counts):
    boundary = shapely.Polygon([(0, 0), (1550, 0), (1550, 1000), (0, 1000)])
    found = listed(counts, boundary=boundary)
    assert found.area_m2 == pytest.approx(boundary.area)
    assert found.places == 160
    assert all(h.column <= 15 and h.row <= 9 for h in found.hotspots)
    assert {h.area_m2 for h in found.hotspots} <= {10_000.0, 5_000.0}
    assert any("outside the boundary" in warning for warning in found.warnings)


def test_without_a_boundary_the_denominator_is_the_footprint_and_is_named(counts):
    found = listed(counts)
    assert "footprint" in found.denominator
    assert found.area_m2 == 900 * 10_000


def test_centres_keep_the_separation_that_was_asked_for(counts):
    found = listed(counts, settings=replace(SMALL, separation_m=450.0)).hotspots
    points = np.array([(h.column * 100.0, h.row * 100.0) for h in found])
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    assert apart[~np.eye(len(points), dtype=bool)].min() >= 450.0


def test_fewer_places_than_asked_for_are_listed_and_said():
    few = [(c, 0, t, "robbery", 2) for c in range(4) for t in range(24)]
    found = listed(place_counts(few))
    assert len(found.hotspots) == 4
    assert any("Only 4 places" in warning for warning in found.warnings)


def test_separation_takes_the_best_first_and_then_what_is_far_enough():
    x = np.array([0.0, 100.0, 200.0, 300.0])
    chosen = select_separated(np.array([3.0, 4.0, 2.0, 1.0]), x, np.zeros(4), count=3, separation_m=200.0)
    assert chosen.tolist() == [1, 3]


def test_a_month_without_any_record_counts_as_missing_not_as_quiet():
    steady = [(c, 0, t, "robbery", 2) for c in range(12) for t in range(24) if t not in (20, 21, 22)]
    found = listed(place_counts(steady))
    assert sum(h.expected_count.value for h in found.hotspots) == pytest.approx(10 * 2 * 30 / 30.4, rel=0.05)


@pytest.mark.parametrize(
    ("entries", "months", "says"),
    [
        ([(0, 0, 0, "robbery", 3)], 24, "3 incidents of robbery have a place, need 100"),
        ([(0, 0, t, "robbery", 50) for t in range(24)], 24, "lie in one single cell"),
        ([(c, 0, 0, "robbery", 50) for c in range(9)], 3, "hold 3 months"),
        ([], 24, "Not one record has a location"),
    ],
)
def test_records_that_cannot_answer_are_refused_with_the_remedy(entries, months, says):
    with pytest.raises(QuestionError, match=says):
        listed(place_counts(entries, months=months))


@pytest.mark.parametrize(
    ("boundary", "says"),
    [
        (shapely.Polygon(), "no area"),
        (shapely.Polygon([(0, 0), (900, 900), (900, 0), (0, 900)]), "faulty"),
    ],
)
def test_an_empty_or_crossed_boundary_is_refused(counts, boundary, says):
    with pytest.raises(InputError, match=says):
        listed(counts, boundary=boundary)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "empty"),
        ({"separation_m": float("nan")}, "separation of nan"),
        ({"level": 80.0}, "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        FindSettings(**options)


GROUPS = (
    OffenceGroup("robbery", "Robbery", street_violence=True),
    OffenceGroup("violence", "Violence", street_violence=True),
    OffenceGroup("weapons", "Weapons", street_violence=True, found_by="police"),
    OffenceGroup("burglary", "Burglary"),
)


@pytest.mark.parametrize(
    ("wanted", "target", "related"),
    [
        ((), ("robbery", "violence"), ()),
        (("robbery",), ("robbery",), ("violence",)),
        (("burglary",), ("burglary",), ("robbery", "violence")),
        (("robbery", "robbery"), ("robbery",), ("violence",)),
    ],
)
def test_the_target_is_what_was_asked_and_the_rest_of_street_violence_is_borrowed(wanted, target, related):
    chosen = choose_targets(GROUPS, wanted)
    assert (chosen.target, chosen.related, chosen.excluded_groups) == (target, related, ("weapons",))


def test_a_target_found_by_police_is_refused():
    with pytest.raises(QuestionError, match="patrols already look"):
        choose_targets(GROUPS, ("weapons",))


def test_a_misspelt_target_is_answered_with_the_right_one():
    with pytest.raises(UsageError, match="Did you mean 'robbery'"):
        choose_targets(GROUPS, ("robery",))


def test_where_tables_differ_a_group_counts_as_found_by_police():
    class Table:
        def __init__(self, *groups):
            self.groups = groups

    tables = (
        Table(OffenceGroup("weapons", "W", street_violence=True, found_by="police")),
        Table(OffenceGroup("weapons", "W"), OffenceGroup("absent", "A")),
    )
    merged = {g.key: g for g in merge_groups(tables, ("weapons", "new"))}
    assert set(merged) == {"weapons", "new"}
    assert (merged["weapons"].found_by, merged["weapons"].street_violence) == ("police", True)


def test_the_list_says_how_much_its_last_month_moved_it(counts):
    found = listed(counts)
    assert found.churn.month == counts.months[-1]
    assert 0 <= found.churn.came <= len(found.hotspots)
    assert found.churn.doubtful == pytest.approx(sum(1 - h.p_top for h in found.hotspots))
    earlier = listed(until(counts, len(counts.months) - 1))
    places = {h.place_id for h in earlier.hotspots}
    assert found.churn.came == sum(h.place_id not in places for h in found.hotspots)


def test_the_first_possible_list_has_nothing_to_be_held_against(counts):
    assert listed(until(counts, 4)).churn is None
