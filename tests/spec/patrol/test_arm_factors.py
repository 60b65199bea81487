"""How much an arm of a trial gets is the policy's to say, and old plans keep their hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import patrol_plans
import pytest
from patrol_requests import DAY, KEY, place, request, shift

from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import PatrolPolicy
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.read_policy import SHIPPED, load_policy
from becalm.patrol.files.write_plan import PlanDocument, inputs_object, plan_json, visits_csv
from becalm.terms import InputError

TEXT = (Path(__file__).parents[3] / "src" / "becalm" / "patrol" / "files" / "policies" / SHIPPED).read_text(
    "utf-8"
)


def policy_with(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT
    path = tmp_path / "policy.toml"
    path.write_text(TEXT.replace(old, new), "utf-8")
    return path


def test_the_factors_are_read_from_the_policy(tmp_path: Path) -> None:
    assert (load_policy().planner.low_factor, load_policy().planner.high_factor) == (0.5, 1.5)
    planner_policy = load_policy(policy_with(tmp_path, "high_factor = 1.5", "high_factor = 2.0")).planner
    assert [planner_policy.dose_factor(arm) for arm in ("", "off", "low", "high")] == [1.0, 0.0, 0.5, 2.0]


OLD_AND_NEW = [("low_factor = 0.5", "low_factor = 1.2"), ("high_factor = 1.5", "high_factor = 0.9")]


@pytest.mark.parametrize(("old", "new"), OLD_AND_NEW)
def test_a_low_arm_above_a_high_one_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(InputError, match="has 1 fault"):
        load_policy(policy_with(tmp_path, old, new))


def test_an_arm_gets_what_the_policy_says() -> None:
    places = [place("p", 400.0, visits=4.0)]
    inputs = request(places, [shift("u")], policy=PatrolPolicy(low_factor=0.25), arms={("p", DAY): "low"})
    assert plan_bursts(inputs, key=KEY).dosage[0].target_visits == pytest.approx(1.0)


def test_a_plan_names_factors_only_where_they_are_not_the_usual_ones(tmp_path: Path) -> None:
    plan = patrol_plans.document()
    assert "low_factor" not in inputs_object(plan.inputs, plan.distribution, crs=plan.crs)["policy"]
    other: PlanDocument = replace(plan, inputs=replace(plan.inputs, policy=PatrolPolicy(high_factor=2.0)))
    visits = visits_csv(other.inputs, other.bursts)
    (tmp_path / "visits.csv").write_text(visits, "utf-8")
    (tmp_path / "plan.json").write_text(plan_json(other, visits=visits), "utf-8")
    assert read_plan(tmp_path).inputs.policy.high_factor == 2.0
