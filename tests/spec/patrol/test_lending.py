"""An area that falls short borrows tours from one with time to spare; plan, judge and page say so."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import patrol_plans
import patrol_requests
import pytest

from becalm.patrol.core.capacity import Capacity, assess_capacity, fit_dosage, raise_dosage
from becalm.patrol.core.judge_plan import judge_plan
from becalm.patrol.core.lending import LentTours, lend_tours
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.files.read_plan import plan_of_texts
from becalm.patrol.files.write_plan import PlanDocument, plan_json, visits_csv

DAYS = 6


def town(*, south_visits: float, south_units: int = 3) -> PlanInputs:
    """North owes far more than its one unit a day can give; south has `south_units` and owes little."""
    places = [patrol_requests.place(f"n{i}", 400.0 * i, visits=10.0) for i in range(4)]
    if south_visits:
        places.append(patrol_requests.place("s", 2_000.0, visits=south_visits, area="south"))
    days = [patrol_requests.DAY + timedelta(days=n) for n in range(DAYS)]
    shifts = [patrol_requests.shift("N", day=day) for day in days]
    shifts += [
        patrol_requests.shift(f"S{k}", day=day, area="south", hour=6 + 8 * k)
        for day in days
        for k in range(south_units)
    ]
    return patrol_requests.request(places, shifts, days=DAYS)


def capacity_of(inputs: PlanInputs) -> Capacity:
    return assess_capacity(inputs.places, inputs.shifts, inputs.travel, inputs.policy, days=inputs.days)


def lend(inputs: PlanInputs, seed: int = 1) -> LentTours:
    return lend_tours(
        inputs.places,
        inputs.shifts,
        inputs.travel,
        inputs.policy,
        capacity_of(inputs),
        np.random.default_rng(seed),
    )


def test_a_starved_area_borrows_until_it_has_enough_and_the_reason_names_both() -> None:
    inputs = town(south_visits=0.0)
    (north,) = (area for area in capacity_of(inputs).areas if area.area == "north")
    assert north.share < 1.0
    lent = lend(inputs)
    after = capacity_of(replace(inputs, shifts=lent.shifts))
    assert not after.short
    borrowed = [shift for shift in lent.shifts if shift.lent_from]
    assert {(shift.lent_from, shift.area) for shift in borrowed} == {("south", "north")}
    assert borrowed[0].lent_because == (
        f"north could meet {north.kept_share:.0%} of its targets, and south has no hotspot"
    )
    assert lent.notes[0].startswith(f"Lent: south lends north {len(borrowed)} tours over the plan")


def test_nobody_lends_where_nobody_is_short_or_nobody_has_time_to_spare() -> None:
    assert lend(town(south_visits=60.0)).notes == ()
    rich = town(south_visits=0.0)
    assert lend(replace(rich, places=(replace(rich.places[0], dosage=rich.places[0].dosage),))).notes == ()


def test_an_area_with_hotspots_keeps_half_its_tours_of_each_day_and_no_pattern_tells_which() -> None:
    inputs = town(south_visits=2.0, south_units=3)
    left_out = []
    for seed in range(8):
        lent = lend(inputs, seed)
        for day in {shift.day for shift in lent.shifts}:
            assert sum(s.day == day and s.lent_from == "south" for s in lent.shifts) <= 1
        left_out.append(tuple(s.unit for s in lent.shifts if s.lent_from))
    assert len(set(left_out)) > 1


def test_a_tour_that_would_give_little_is_not_lent() -> None:
    inputs = town(south_visits=0.0)
    travel = {
        mode: replace(
            table,
            stops=(*table.stops, "outpost"),
            minutes=np.pad(table.minutes, (0, 1), constant_values=150.0),
        )
        for mode, table in inputs.travel.items()
    }
    shifts = tuple(replace(s, base="outpost") if s.area == "south" else s for s in inputs.shifts)
    assert lend(replace(inputs, shifts=shifts, travel=travel)).notes == ()


def test_one_cut_has_one_number_wherever_it_is_spoken_of() -> None:
    inputs = town(south_visits=60.0)
    capacity = capacity_of(inputs)
    for area in capacity.short:
        share_text = f"{area.kept_share:.0%}"
        _, notes = fit_dosage(inputs.places, capacity, when_short="scale")
        assert f"all its targets at {share_text}" in area.remedies
        assert any(note.startswith(area.area) and note.endswith(f"scaled to {share_text}.") for note in notes)


def test_time_to_spare_raises_targets_up_to_a_visit_every_two_hours() -> None:
    inputs = town(south_visits=2.0)
    capacity = capacity_of(inputs)
    places, notes = raise_dosage(inputs.places, capacity)
    visits = {place.hotspot: place.dosage.visits_per_day for place in places}
    assert visits["s"] == pytest.approx(12.0)
    assert [visits[f"n{i}"] for i in range(4)] == [10.0] * 4  # short: nothing is raised
    assert notes == (
        "south: its units have time to spare; targets are raised from 2.0 to 12.0 bursts a day.",
    )


def written(inputs: PlanInputs) -> tuple[dict[str, object], bytes]:
    plan = plan_bursts(inputs, key=patrol_requests.KEY)
    document = PlanDocument.of(
        plan,
        inputs,
        version="becalm 0",
        crs="EPSG:27700",
        commitment={**patrol_plans.document().commitment},
        sources={},
    )
    visits = visits_csv(inputs, plan.bursts)
    text = plan_json(document, visits=visits)
    assert plan_of_texts(text, visits, where="here").inputs.shifts == inputs.shifts
    return json.loads(text), visits.encode()


def test_the_judge_knows_lent_tours_and_wants_a_reason() -> None:
    inputs = town(south_visits=0.0)
    lent = tuple(s for s in lend(inputs).shifts if s.area == "north")
    plan, visits = written(replace(inputs, shifts=lent))
    assert judge_plan(plan, visits).violations == ()
    assert any("lent_from" in shift for shift in plan["shifts"])
    for shift in plan["shifts"]:
        if "lent_from" in shift:
            shift["lent_because"] = ""
    kinds = {violation.kind for violation in judge_plan(plan, visits).violations}
    assert kinds == {"inputs_hash", "lent"}
