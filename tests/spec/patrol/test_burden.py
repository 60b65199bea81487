"""The burden of patrol: against the planted truth, by hand, and never an input to where patrols go."""

import json
from pathlib import Path

import grimp
import numpy as np
import pytest
import town

from becalm.patrol.core.burden import BurdenCount, compare_rates, estimate_rate, measure_burden
from becalm.patrol.files.burden_page import burden_page, burden_rows
from becalm.patrol.files.read_burden import read_burden_counts
from becalm.simulate.burden import draw_burden
from becalm.simulate.geography import build_land
from becalm.simulate.settings import Settings, shrink_to_town
from becalm.terms import InputError

READERS = {"becalm.patrol.desk.burden", "becalm.patrol.files.burden_page", "becalm.patrol.files.read_burden"}


def counts() -> tuple[BurdenCount, ...]:
    """Two areas; group a has half the residents and two thirds of the stops."""
    rows = [
        BurdenCount("residents", "N", "all", "", 4_000),
        BurdenCount("residents", "S", "all", "", 6_000),
        BurdenCount("stops", "N", "all", "", 60),
        BurdenCount("stops", "S", "all", "", 30),
    ]
    for group, residents, stops in (("a", 5_000, 60), ("b", 5_000, 30), ("not stated", 0, 10)):
        rows.append(BurdenCount("residents", "", "ethnicity", group, residents))
        rows.append(BurdenCount("stops", "", "ethnicity", group, stops))
    return tuple(rows)


def test_a_group_is_held_against_all_others_whose_group_is_stated() -> None:
    burden = measure_burden(counts(), {"N": 30.0})
    first, second = burden.groups
    assert (first.group, first.ratio.value, second.ratio.value) == ("a", 2.0, 0.5)
    assert first.rate.value == 12.0
    assert "10 of 100 stops state no ethnicity, and are in no ratio of it." in burden.notes


def test_an_area_is_held_against_all_others_and_its_hours_against_its_residents() -> None:
    north, south = measure_burden(counts(), {"N": 30.0}).areas
    assert (north.hours_per_thousand, south.hours_per_thousand) == (7.5, 0.0)
    assert north.ratios["stops", "residents"].value == pytest.approx((60 / 4) / (30 / 6))


def test_intervals_are_garwoods_and_the_exact_conditional_ones() -> None:
    # Garwood 1936 for a count of 10: 4.795 to 18.391; Ulm 1990 gives the same.
    rate = estimate_rate(10, 1_000, 0.95)
    assert (round(rate.low, 3), round(rate.high, 3)) == (4.795, 18.390)
    assert estimate_rate(0, 1_000, 0.95).low == 0.0
    ratio = compare_rates(60, 5_000, 30, 5_000, 0.95)
    assert ratio.low < 2.0 < ratio.high
    assert ratio.method == "exact conditional"
    assert compare_rates(0, 10, 0, 10, 0.95).high == float("inf")


def test_the_ratios_of_the_simulated_city_hold_its_truth(tmp_path: Path) -> None:
    settings = shrink_to_town(Settings(), incidents=1_000)
    land = build_land(settings, np.random.default_rng(3))
    held = asked = 0
    for seed in range(12):
        tables = draw_burden(land, np.random.default_rng(seed))
        rows = tables.counts.to_pylist()
        burden = measure_burden(BurdenCount(**row) for row in rows)
        truth = tables.truth["ratios"]
        for group in burden.groups:
            if group.trait == "ethnicity" and group.measure == "stops":
                continue  # some state no ethnicity: the ratio is of those that do, with the same truth
            true_ratio = truth[group.trait][group.measure][group.against][group.group]
            held += group.ratio.low <= true_ratio <= group.ratio.high
            asked += 1
    assert asked > 500
    assert held / asked >= 0.94


def test_nothing_that_chooses_places_or_plans_patrols_can_read_the_burden() -> None:
    graph = grimp.build_graph("becalm")
    importers = graph.find_modules_that_directly_import("becalm.patrol.core.burden")
    assert {name for name in importers if ".cli" not in name} == READERS
    above = {name for reader in READERS for name in graph.find_downstream_modules(reader)} - READERS
    assert {name for name in above if ".cli" not in name and not name.startswith("becalm.app")} == set()
    for chooser in ("becalm.patrol.desk.plan", "becalm.patrol.desk.inputs", "becalm.find.desk.hotspots"):
        assert not graph.chain_exists(importer=chooser, imported="becalm.patrol.core.burden")


def test_faults_of_a_file_of_counts_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(
        "measure,area,trait,group,count\nstop,N,all,,1\nstops,N,sex,m,1\nstops,N,all,x,1\nstops,N,age,,1\n"
        "stops,N,all,,-1\nstops,N,all,,2\nstops,N,all,,2\n",
        "utf-8",
    )
    with pytest.raises(InputError) as error:
        read_burden_counts(path)
    assert len(error.value.faults) == 7  # five rows, one twice, and nothing to hold them against


def test_the_page_says_each_ratio_with_its_interval_and_escapes_every_name() -> None:
    evil = [*counts(), *(BurdenCount(name, "<b>", "all", "", 100) for name in ("residents", "stops"))]
    page = burden_page(measure_burden(evil), version="becalm 0")
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "2.00 (1.27 to 3.21)" in page
    assert len(list(burden_rows(measure_burden(evil)))) == 5


def test_the_command_reads_what_the_simulated_city_wrote(tmp_path: Path) -> None:
    city = town.simulate(tmp_path / "city")
    workspace = town.workspace_of(city, tmp_path / "workspace")
    asked = ("patrol", "burden", city / "burden" / "counts.csv", "-w", workspace, "--format", "json")
    rows = json.loads(town.becalm(*asked).stdout)["rows"]
    truth = json.loads((city / "truth" / "burden.json").read_text("utf-8"))["ratios"]
    asked_row = ("18-24", "stops", "residents")
    young = next(r for r in rows if (r["group"], r["measure"], r["against"]) == asked_row)
    assert young["ratio_low"] <= truth["age"]["stops"]["residents"]["18-24"] <= young["ratio_high"]
