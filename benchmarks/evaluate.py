"""Evaluate: the Seattle panel, draws with overlapping rings, power, and the simulated city's known effects.

benchmarks/evaluate.py [seattle] [placebo] [draws] [power] [city] [LIVES]
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from _measure import report
from scipy import sparse

from becalm.evaluate.core.count_study import DatedPoints
from becalm.evaluate.core.estimate_trial import evaluate_trial
from becalm.evaluate.core.power import PlantedEffect, TrialPast, assess_trial_power
from becalm.evaluate.core.protocol import Analysis, Choices, Outcome, PlaceRule, Protocol, TrialFiles, Windows
from becalm.evaluate.core.trial_study import TrialArms, count_trial
from becalm.methods import calibrated_control
from becalm.methods.arrays import Floats, Ints
from becalm.methods.randomisation_test import exposure_by_draw, learn_law, randomisation_effect
from becalm.simulate.city import draw_life, plan_city
from becalm.simulate.settings import OFFENCES, Effect, Settings, keep_rates_constant, shrink_to_town
from becalm.simulate.time_profiles import day_number
from becalm.terms import Period

SEATTLE = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data")) / "evaluate" / "seattledmi.parquet"
MATCHED = ("i_felony", "i_misdemea", "i_drugs", "any_crime")
COVARIATES = (
    *("TotalPop", "BLACK", "HISPANIC", "Males_1521", "HOUSEHOLDS"),
    *("FAMILYHOUS", "FEMALE_HOU", "RENTER_HOU", "VACANT_HOU"),
)
PUBLISHED = {  # of the package microsynth: to quarter 14 and to quarter 16
    "i_felony": (37.56004, 68.22239),
    "i_misdemea": (34.56977, 71.80012),
    "i_drugs": (14.57953, 23.75882),
    "any_crime": (504.05185, 986.43897),
}


def load_seattle() -> tuple[Floats, dict[str, Floats], np.ndarray]:
    """The panel's traits, its outcomes by quarter, and which blocks were treated."""
    panel = pq.read_table(SEATTLE).to_pandas().sort_values(["ID", "time"])
    quarters = {name: panel[name].to_numpy(float).reshape(-1, 16) for name in MATCHED}
    covariates = panel[panel.time == 1][list(COVARIATES)].to_numpy(float)
    is_treated = panel.Intervention.to_numpy().reshape(-1, 16).max(axis=1) > 0
    before = [quarters[name][:, :12] for name in MATCHED]
    return np.column_stack([np.ones(len(covariates)), covariates, *before]), quarters, is_treated


def seattle() -> None:
    """The synthetic counts, their effective number of controls, and the range over all equal fits."""
    traits, quarters, is_treated = load_seattle()
    totals = traits[is_treated].sum(axis=0)
    start = time.process_time()
    control = calibrated_control.calibrate_weights(traits[~is_treated], totals)
    report("Seattle, weights of 9,603 controls, processor time", time.process_time() - start)
    report("Seattle, effective number of controls", control.effective_controls, unit="")
    for name, counts in PUBLISHED.items():
        for end, published in zip((14, 16), counts, strict=True):
            synthetic = float(control.weights @ quarters[name][:, 12:end].sum(axis=1)[~is_treated])
            gap = 100.0 * abs(synthetic / published - 1.0)
            label = f"Seattle, {name} to quarter {end}: {synthetic:.5f} for {published:.5f}, apart"
            report(label, gap, unit="%", most=0.002)
        outcome = quarters[name][:, 12:].sum(axis=1)[~is_treated]
        low, high = calibrated_control.outcome_range(traits[~is_treated], totals, outcome)
        report(f"Seattle, {name}: equal fits from {low:.1f} to", high, unit="")


def placebo() -> None:
    """A thousand placebo sets of 39 blocks among the 9,603."""
    traits, quarters, is_treated = load_seattle()
    control = calibrated_control.calibrate_weights(traits[~is_treated], traits[is_treated].sum(axis=0))
    rng, outcome = np.random.default_rng(1), quarters["any_crime"][:, 12:].sum(axis=1)[~is_treated]
    sets = np.stack([rng.choice(len(outcome), 39, replace=False) for _ in range(1_000)])
    start, cpu = time.perf_counter(), time.process_time()
    contrasts = calibrated_control.placebo_contrasts(
        traits[~is_treated], outcome, sets, multipliers=control.multipliers
    )
    report("Seattle, 1,000 placebo sets, wall", time.perf_counter() - start, most=60.0)
    report("Seattle, 1,000 placebo sets, processor time", time.process_time() - cpu)
    report("Seattle, placebo sets that could not be balanced", contrasts.failures, unit="")


def draws() -> None:
    """Ten thousand draws for 250 spots and 5,000 ring cells whose rings overlap."""
    rng = np.random.default_rng(1)
    is_first = rng.random((10_000, 125)) < 0.5
    is_treated = np.stack([is_first, ~is_first], axis=2).reshape(10_000, 250)
    first = np.arange(5_000) % 250
    rows = np.concatenate([np.arange(5_000), np.arange(0, 5_000, 4)])
    columns = np.concatenate([first, (first[::4] + 1) % 250])
    is_near = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(5_000, 250))
    spots, cells = rng.poisson(6.0, 250), rng.poisson(1.0, 5_000)
    start = time.process_time()
    randomisation_effect(spots, is_treated[0], learn_law(is_treated))
    exposed = exposure_by_draw(is_treated, is_near)
    was_exposed = np.asarray(exposed[0].todense()).ravel() > 0
    randomisation_effect(cells, was_exposed, learn_law(exposed))
    seconds = time.process_time() - start
    report("10,000 draws, 250 spots, 5,000 ring cells, processor time", seconds, most=3.0, most_mb=1_000)


def power() -> None:
    """Power of one design of 250 places over 84 days, a thousand runs with the effect and as many without."""
    rng = np.random.default_rng(1)
    arms = build_arms(rng.random((250, 2)) * 9_000.0, 84, rng, draws=1_000)
    past = TrialPast(rates=rng.gamma(1.0, 0.03, 250), dispersion=1.3)
    start, cpu = time.perf_counter(), time.process_time()
    answer = assess_trial_power(
        arms,
        past,
        PlantedEffect(0.2),
        neighbours=np.zeros((250, 250), dtype=bool),
        level=0.95,
        looks=(),
        runs=1_000,
        rng=rng,
    )
    report("power of 250 places over 84 days, 1,000 runs, wall", time.perf_counter() - start, most=60.0)
    report("power of 250 places over 84 days, processor time", time.process_time() - cpu)
    report("power at no effect", 100.0 * answer.size.value, unit="%", least=3.5, most=6.5)
    report("intervals that held the effect", 100.0 * answer.covered.value, unit="%", least=93.5, most=96.5)


def build_arms(xy_m: Floats, days: int, rng: np.random.Generator, *, draws: int) -> TrialArms:
    """A trial in which each place-day is patrolled by the toss of a coin, as the simulated city draws it."""
    redraws = (rng.random((draws + 1, len(xy_m), days)) < 0.5).astype(np.int8)
    return TrialArms(
        places=tuple(map(str, range(len(xy_m)))),
        easting_m=xy_m[:, 0],
        northing_m=xy_m[:, 1],
        clusters=np.arange(len(xy_m)),
        first_day=date(2019, 1, 1),
        arm_names=("off", "high"),
        arms=redraws[0],
        redraws=redraws[1:],
        is_overridden=np.zeros(redraws[0].shape, dtype=bool),
    )


FIRST, LAST = date(2018, 1, 1), date(2019, 7, 1)
TRIAL = Period(date(2019, 1, 1), LAST)


def city(lives: int) -> None:
    """A town's lives with a fifth prevented, with 30 % of it moved, and with nothing done."""
    planted = {"patrol": "a fifth prevented", "displacement": "30 % of it moved", "none": "nothing done"}
    for kind, label in planted.items():
        found, moved, called = [], [], 0
        effect = Effect(kind=kind, size=0.2, displaced=0.3, hotspots=60, start=TRIAL.start, end=LAST)
        settings = Settings(start=FIRST, end=LAST, effect=effect)
        plan = plan_city(
            keep_rates_constant(shrink_to_town(settings, incidents=80_000)), np.random.default_rng(3)
        )
        for life in range(lives):
            finding = evaluate_life(plan, np.random.default_rng([life, 5]))
            ratio, difference = finding.estimates[:2]
            found.append(np.log(ratio.estimate.value))
            called += ratio.shows_effect
            rings = next((e for e in finding.displacement if e.scale == "difference"), None)
            if rings is not None:
                moved.append((rings.estimate.value, difference.estimate.value))
        mean = 100.0 * (np.exp(np.mean(found)) - 1.0)
        truth = 0.0 if kind == "none" else -20.0
        name = f"simulated town, {lives} lives, {label}"
        report(f"{name}: mean effect", mean, unit="%", least=truth - 1.0, most=truth + 1.0)
        if kind == "none":
            report(f"{name}: called an effect", 100.0 * called / lives, unit="%", least=2.0, most=9.0)
        if moved and kind != "none":
            rings, places = np.array(moved).sum(axis=0)
            share = -100.0 * rings / places
            true_share = 30.0 if kind == "displacement" else 0.0
            bounds = {"least": true_share - 5.0, "most": true_share + 5.0}
            report(f"{name}: moved into the ring", share, unit="%", **bounds)


def evaluate_life(plan, rng: np.random.Generator):
    """One life of the town, evaluated as a trial whose arms are those of the city's own draw."""
    life = draw_life(plan, rng)
    treatment, incidents = plan.treatment, life.incidents
    is_street = np.array([offence.street_violence for offence in OFFENCES])[incidents.offence]
    # At the place itself: an address may lie outside the ground that the city treats as one hotspot.
    xy_m = plan.places.position[incidents.place[is_street]]
    spans = tuple(
        Period(FIRST + timedelta(days=d), FIRST + timedelta(days=d + 1)) for d in range((LAST - FIRST).days)
    )
    day: Ints = incidents.day[is_street] - day_number(FIRST)
    points = DatedPoints(
        xy_m[:, 0].astype(float),
        xy_m[:, 1].astype(float),
        day.astype(np.int64),
        np.zeros(len(day), dtype=np.int64),
        np.ones(len(day), dtype=np.int64),
        spans,
        ("street",),
    )
    arms = build_arms(plan.places.position[treatment.centre], TRIAL.days, rng, draws=400)
    first_day = (TRIAL.start - FIRST).days
    is_treated = treatment.is_treated[:, first_day : first_day + TRIAL.days]
    arms = replace(arms, arms=is_treated.astype(np.int8))
    return evaluate_trial(protocol(), count_trial(protocol(), arms, points))


def protocol() -> Protocol:
    """The question that every life is asked."""
    return Protocol(
        question="Did patrols lower street violence?",
        design="trial",
        outcome=Outcome(offence_groups=("street",)),
        places=PlaceRule(file="", radius_m=75.0, chosen_on=None, ring_m=225.0),
        windows=Windows(before=Period(FIRST, TRIAL.start), after=TRIAL),
        analysis=Analysis(level=0.95, smallest_effect=0.16, multiplicity="one", stopping="at the end"),
        choices=Choices(),
        change_our_mind="a rise",
        trial=TrialFiles(folder="trial"),
    )


def main(words: list[str]) -> None:
    """Run the parts that are named, or all."""
    counts = [int(word) for word in words if word.isdigit()] or [40]
    parts = {"seattle": seattle, "placebo": placebo, "draws": draws, "power": power}
    parts["city"] = lambda: city(counts[0])
    for name in [word for word in words if word in parts] or parts:
        if name in ("seattle", "placebo") and not SEATTLE.exists():
            print(f"{name}: {SEATTLE} is absent; left out.")
        else:
            parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
