"""How often does each estimator err? Made-up studies whose truth is known, cell by cell, resumable.

A cell is an estimator, how the treated places were chosen, how much counts vary (variance over mean),
whether an effect is planted of which a share moves away, and how many places are treated. In cells with
nothing planted an error is an effect that is called one; where a fifth is prevented and 30 % of it moves next
door, an error is an interval that does not hold the fifth.

    python tests/support/evaluation_worlds.py RESULTS.jsonl RUNS [SECONDS]

adds to the file each cell that it lacks, and stops before a new one once so many seconds of processor are
spent. The exhaustive test reads it, or fills it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from becalm.evaluate.core import estimate_calibrated as calibrated
from becalm.evaluate.core.estimate_effect import evaluate
from becalm.evaluate.core.estimate_series import (
    StartCounts,
    WaveCount,
    evaluate_interrupted,
    evaluate_offer,
    evaluate_starts,
)
from becalm.evaluate.core.estimate_trial import evaluate_trial
from becalm.evaluate.core.finding import Finding, NamedEstimate, Refusal
from becalm.evaluate.core.protocol import Analysis, Choices, Outcome, PlaceRule, Protocol, TrialFiles, Windows
from becalm.evaluate.core.study import StudyCounts, StudyPlaces, find_refusals
from becalm.evaluate.core.trial_study import TrialArms, TrialCounts
from becalm.methods import randomisation_test
from becalm.terms import Period
from becalm.terms.progress import ignore_progress

EFFECT, MOVED = 0.2, 0.3
MONTHS, START = 18, 12  # of the panel, and the first month after the start
TRIAL_DAYS, REDRAWS = 14, 400
CONTROLS_PER_TREATED = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One estimator in one world."""

    design: str
    is_chosen: bool
    phi: float
    is_moved: bool  # a fifth is prevented, and 30 % of it moves; else nothing is planted
    treated: int


def list_cells() -> Iterator[Cell]:
    """Every cell, the quick ones first."""
    for treated, design in product((20, 125, 250), ("displacement", "difference", "trial")):
        for is_chosen, phi, is_moved in product((False, True), (1.0, 2.0, 3.0), (False, True)):
            yield Cell(design, is_chosen, phi, is_moved, treated)


# Of the other designs fewer runs: a placebo set costs as much as a whole run of these.
SHARE_OF_RUNS = {"calibrated": 0.2, "interrupted": 0.1}


def list_other_cells() -> Iterator[Cell]:
    """Cells of the designs that cost more, or that know no choice by counts."""
    for treated, phi, is_moved in product((20, 125, 250), (1.0, 2.0, 3.0), (False, True)):
        for design in ("starts", "offer", "interrupted"):
            yield Cell(design, False, phi, is_moved, treated)
        for is_chosen in (False, True):
            yield Cell("calibrated", is_chosen, phi, is_moved, treated)


def count_errors(cell: Cell, runs: int, *, seed: int = 1) -> dict[str, int]:
    """How many runs erred, and how many were refused?"""
    # A cell has its own numbers, whatever other cells there are.
    rng = np.random.default_rng(
        [seed, cell.treated, int(cell.phi), cell.is_chosen, cell.is_moved, len(cell.design)]
    )
    tally = {"runs": runs, "errors": 0, "refused": 0}
    for _ in range(runs):
        finding, truth = RUNNERS.get(cell.design, _run_places)(cell, rng)
        if finding.main is None:
            tally["refused"] += 1
            continue
        main, wanted = _compared(finding, truth)
        tally["errors"] += not main.estimate.low <= wanted <= main.estimate.high
    return tally


def _compared(finding: Finding, truth: float) -> tuple[NamedEstimate, float]:
    """The ratio with the true ratio, or with nothing planted the difference with 0.

    Without a ratio `truth` is the difference itself.
    """
    ratio = next((e for e in finding.estimates if e.scale == "ratio"), None)
    if ratio is None:
        return finding.estimates[0], truth
    if truth == 1.0 and finding.estimates[0].scale == "difference":
        return finding.estimates[0], 0.0
    return ratio, truth


def draw_counts(rng: np.random.Generator, means: np.ndarray, phi: float) -> np.ndarray:
    """Counts with variance phi times the mean."""
    rates = rng.gamma(means / (phi - 1.0), phi - 1.0) if phi > 1.0 else means
    return rng.poisson(rates).astype(np.float64)


def build_protocol(design: str, treated: int) -> Protocol:
    """A protocol with windows apart from the one that chose."""
    before, after = (
        Period(date(2019, 1, 1), date(2020, 1, 1)),
        Period(date(2020, 1, 1), date(2020, 7, 1)),
    )
    matching = tuple(Period(date(2019, m, 1), date(2019, m + 3, 1)) for m in (1, 4, 7))
    return Protocol(
        question="Did it fall at these places?",
        design=design,
        outcome=Outcome(offence_groups=("robbery",)),
        places=PlaceRule(file="p.csv", radius_m=75.0, chosen_on=Period(date(2018, 1, 1), date(2019, 1, 1))),
        windows=Windows(before=before, after=after, matching=matching),
        analysis=Analysis(
            level=0.95,
            smallest_effect=0.16,
            multiplicity="one test",
            stopping="read once at the end",
            placebo_sets=199,
            seed=treated,
        ),
        choices=Choices(),
        change_our_mind="a rise as large",
        trial=TrialFiles(folder="trial"),
    )


def draw_study(cell: Cell, rng: np.random.Generator, *, controls: int | None = None) -> StudyCounts:
    """Counts of places, the treated ones chosen on a window of their own or by chance."""
    control_count = CONTROLS_PER_TREATED * cell.treated if controls is None else controls
    place_count = cell.treated + control_count
    rates = rng.gamma(0.7, 1.5, place_count) + 0.1  # a month
    chosen_on = draw_counts(rng, 12.0 * rates, cell.phi)
    order = np.argsort(-(chosen_on + rng.random(place_count))) if cell.is_chosen else np.arange(place_count)
    rates, chosen_on = rates[order], chosen_on[order]
    is_treated = np.arange(place_count) < cell.treated
    shocks = rng.gamma(400.0, 1.0 / 400.0, MONTHS)  # months that are good or bad everywhere
    months = draw_counts(rng, rates[:, None] * shocks, cell.phi)
    ring = draw_counts(rng, np.repeat(2.0 * rates[:, None], MONTHS, axis=1), cell.phi)
    if cell.is_moved:
        is_cut = is_treated[:, None] & (np.arange(MONTHS) >= START)
        remaining = rng.binomial(months.astype(int), np.where(is_cut, 1.0 - EFFECT, 1.0)).astype(float)
        ring += rng.binomial((months - remaining).astype(int), MOVED)
        months = remaining
    before, after = months[:, :START].sum(axis=1), months[:, START:].sum(axis=1)
    return StudyCounts(
        places=StudyPlaces(
            names=tuple(map(str, range(place_count))),
            is_treated=is_treated,
            easting_m=np.arange(place_count) * 1_000.0,
            northing_m=np.zeros(place_count),
            covariates=np.zeros((place_count, 0)),
        ),
        before=before,
        after=after,
        group_counts=np.stack([before, after], axis=1)[None],
        group_weights=np.ones(1),
        chosen_on=chosen_on,
        matching=months[:, :9].reshape(place_count, 3, 3).sum(axis=2),
        panel=months,
        panel_start=START,
        ring_before=ring[:, :START].sum(axis=1),
        ring_after=ring[:, START:].sum(axis=1),
        before_days=365,
        after_days=182,
    )


def _run_places(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    counts = draw_study(cell, rng)
    protocol = build_protocol(cell.design, cell.treated)
    if cell.design == "difference":
        # What stands beside the estimate (its trends) costs fifty times what it does.
        counts = replace(counts, panel_start=1, panel=counts.panel[:, START - 1 :])
    return evaluate(protocol, counts), 1.0 - EFFECT if cell.is_moved else 1.0


@cache
def _trial_arms(treated: int) -> TrialArms:
    """Twice as many places as are treated a day; half of them each day, in pairs."""
    rng = np.random.default_rng(treated)
    redraws = rng.random((REDRAWS, treated, TRIAL_DAYS)) < 0.5
    arms = np.concatenate([redraws, ~redraws], axis=1).astype(np.int8)
    count = 2 * treated
    return TrialArms(
        places=tuple(map(str, range(count))),
        easting_m=np.arange(count) * 1_000.0,
        northing_m=np.zeros(count),
        clusters=np.arange(count),
        first_day=date(2020, 1, 1),
        arm_names=("off", "high"),
        arms=arms[0],
        redraws=arms,
        is_overridden=np.zeros(arms[0].shape, dtype=bool),
    )


def _learn_once() -> None:
    """The draws of a cell's law are the same in all its runs, and learning from them is most of a run."""
    learn_law, laws = randomisation_test.learn_law, {}

    def learn(is_treated: np.ndarray, is_control: np.ndarray | None = None) -> randomisation_test.DrawLaw:
        key = (is_treated.shape, is_control is None)
        if key not in laws:
            laws[key] = learn_law(is_treated, is_control)
        return laws[key]

    randomisation_test.learn_law = learn


def _run_trial(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    pool = _trial_arms(cell.treated)
    is_first = rng.random((cell.treated, TRIAL_DAYS)) < 0.5
    arms = replace(pool, arms=np.concatenate([is_first, ~is_first]).astype(np.int8))
    rates = (rng.gamma(0.7, 0.15, 2 * cell.treated) + 0.02) * (2.0 if cell.is_chosen else 1.0)
    days = draw_counts(rng, np.repeat(rates[:, None], TRIAL_DAYS, axis=1), cell.phi)
    zones = draw_counts(rng, np.repeat(rates[:, None], TRIAL_DAYS, axis=1), cell.phi)
    if cell.is_moved:
        remaining = rng.binomial(days.astype(int), np.where(arms.arms == 1, 1.0 - EFFECT, 1.0)).astype(float)
        zones += rng.binomial((days - remaining).astype(int), MOVED)
        days = remaining
    before = draw_counts(rng, 365.0 * rates, cell.phi)
    counts = TrialCounts(
        arms=arms,
        counts=days,
        before=before * (1.3 if cell.is_chosen else 1.0),  # chosen places had luck before
        before_days=365,
        neighbours=np.zeros((len(rates), len(rates)), dtype=bool),
        zone_places=tuple((n,) for n in range(len(rates))),
        zone_counts=zones,
        zone_before=draw_counts(rng, 365.0 * rates, cell.phi),
    )
    protocol = replace(
        build_protocol("trial", cell.treated),
        windows=Windows(
            before=Period(date(2019, 1, 1), date(2020, 1, 1)),
            after=Period(date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=TRIAL_DAYS)),
        ),
    )
    return evaluate_trial(protocol, counts), 1.0 - EFFECT if cell.is_moved else 1.0


def _run_calibrated(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    """The estimate and its refusals, without the range and the jackknife that stand beside it."""
    counts = draw_study(cell, rng, controls=1_000)
    protocol = build_protocol("calibrated", cell.treated)
    refusals = find_refusals(protocol, counts)
    try:
        weighed = calibrated.weigh_controls(counts)
    except ValueError as error:  # no weights balance, or not within reach of numbers
        return Finding(refusals=(*refusals, Refusal("balance", str(error), "add controls"))), 1.0
    if refusals:
        return Finding(refusals=refusals), 1.0
    sets = protocol.analysis.placebo_sets
    placebos = calibrated.score_placebos(counts, sets=sets, rng=rng, advance=ignore_progress)
    unlike = calibrated.refuse_unlike_choice(counts, weighed.control.weights, placebos.choice_scores, 0.95)
    if unlike:
        return Finding(refusals=(unlike,)), 1.0
    estimate = calibrated.judge_by_placebos(weighed, placebos.scores, 0.95)
    return Finding(estimates=(estimate,)), 1.0 - EFFECT if cell.is_moved else 1.0


def _run_interrupted(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    """Thirty months before the start."""
    counts, earlier = draw_study(cell, rng), draw_study(replace(cell, is_moved=False), rng)
    panel = np.column_stack([earlier.panel, counts.panel])
    counts = replace(counts, panel=panel, panel_start=MONTHS + START, panel_days=np.full(2 * MONTHS, 30.4))
    protocol = build_protocol("interrupted", cell.treated)
    return evaluate_interrupted(protocol, counts), 1.0 - EFFECT if cell.is_moved else 1.0


def _run_starts(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    """Place-days of eight weeks, each with a start by the toss of a coin."""
    rates = np.repeat(rng.gamma(0.7, 0.15, cell.treated) + 0.02, 4 * TRIAL_DAYS)
    starts = (rng.random(len(rates)) < 0.5).astype(float)
    counts, truth = draw_counts(rng, rates, cell.phi), 0.0
    if cell.is_moved:
        counts = rng.binomial(counts.astype(int), np.where(starts > 0, 1.0 - EFFECT, 1.0)).astype(float)
        truth = -EFFECT * float(rates.mean() * starts.sum())
    day = np.tile(np.arange(4 * TRIAL_DAYS), cell.treated)
    place_days = StartCounts(counts, starts, np.full(len(rates), 0.5), day, rates)
    return evaluate_starts(build_protocol("starts", cell.treated), place_days), truth


def _run_offer(cell: Cell, rng: np.random.Generator) -> tuple[Finding, float]:
    """Ten waves; in each so many people were offered help early, and as many were to wait."""
    waves = []
    for number, (arm, effect) in product(range(10), (("early", EFFECT * cell.is_moved), ("late", 0.0))):
        harm = draw_counts(rng, np.full(cell.treated, 1.5 * (1.0 - effect)), cell.phi)
        sums = float(harm.sum()), float((harm**2).sum())
        waves.append(WaveCount(f"w{number}", arm, cell.treated, "as victim", 90, *sums))
    return evaluate_offer(build_protocol("offer", cell.treated), waves), 1.0 - EFFECT * cell.is_moved


RUNNERS = {
    "trial": _run_trial,
    "calibrated": _run_calibrated,
    "interrupted": _run_interrupted,
    "starts": _run_starts,
    "offer": _run_offer,
}


def read_results(path: Path) -> dict[Cell, dict[str, int]]:
    """The cells that a file holds already."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {Cell(**row["cell"]): row["tally"] for row in rows}


def fill_results(path: Path, runs: int, *, seconds: float = math.inf) -> dict[Cell, dict[str, int]]:
    """Every cell, from the file where it holds it; each new one is added at once."""
    results = read_results(path)
    for cell in (*list_cells(), *list_other_cells()):
        if cell not in results and time.process_time() < seconds:
            start = time.process_time()
            results[cell] = count_errors(cell, max(20, round(runs * SHARE_OF_RUNS.get(cell.design, 1.0))))
            row = {
                "cell": asdict(cell),
                "tally": results[cell],
                "cpu_s": round(time.process_time() - start, 1),
            }
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    return results


if __name__ == "__main__":
    _learn_once()
    fill_results(Path(sys.argv[1]), int(sys.argv[2]), seconds=float([*sys.argv, "inf"][3]))
