"""Who lives in the simulated city, who reported harm, and whom patrol weighs on: counts with their truth.

Residents of two traits by area, and counts that are drawn from planted rates: groups are stopped, arrested
and complain at rates of their own, so that what an analyst finds can be compared with what is true. The rates
are ours; the city does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.geography import Land

RESIDENTS_PER_LSOA: Final = 1_650
SHARES: Final[Mapping[str, Mapping[str, float]]] = {
    "ethnicity": {"white": 0.54, "asian": 0.20, "black": 0.14, "mixed": 0.06, "other": 0.06},
    "age": {"10-17": 0.11, "18-24": 0.11, "25-34": 0.2, "35-64": 0.43, "65+": 0.15},
}
PER_THOUSAND: Final[Mapping[str, float]] = {
    "victims": 24.0,
    "stops": 14.0,
    "arrests": 6.0,
    "complaints": 0.35,
}
FACTORS: Final[Mapping[str, Mapping[str, tuple[float, ...]]]] = {
    "ethnicity": {
        "victims": (1.0, 1.0, 1.3, 1.2, 1.1),
        "stops": (1.0, 1.2, 3.2, 1.9, 1.3),
        "arrests": (1.0, 1.0, 2.4, 1.6, 1.1),
        "complaints": (1.0, 1.1, 2.0, 1.5, 1.2),
    },
    "age": {
        "victims": (1.1, 1.9, 1.4, 0.9, 0.4),
        "stops": (2.2, 3.4, 1.1, 0.3, 0.03),
        "arrests": (1.3, 2.3, 1.5, 0.7, 0.06),
        "complaints": (0.4, 1.8, 1.5, 1.0, 0.4),
    },
}
UNSTATED_SHARE: Final = 0.08  # of stops, whose ethnicity nobody wrote down


@dataclass(frozen=True, slots=True)
class BurdenTables:
    """burden/counts.csv, and what is true of it."""

    counts: pa.Table
    truth: dict[str, Any]


def draw_burden(land: Land, rng: np.random.Generator) -> BurdenTables:
    """Draw residents and counts of each area, by ethnicity and by age."""
    unit_of_lsoa = land.unit_of_borough[land.borough_of_lsoa]
    lsoa_counts = np.bincount(unit_of_lsoa, minlength=len(land.unit_names))
    residents = rng.poisson(RESIDENTS_PER_LSOA * lsoa_counts)
    rows: list[tuple[str, str, str, str, int]] = []
    truth: dict[str, Any] = {"per_thousand": dict(PER_THOUSAND), "ratios": {}}
    by_group: dict[tuple[str, str], Ints] = {}
    for trait, shares in SHARES.items():
        area_shares = np.array([rng.dirichlet(40 * np.array(list(shares.values()))) for _ in residents])
        by_group[trait, "residents"] = np.array(
            [rng.multinomial(count, share) for count, share in zip(residents, area_shares, strict=True)]
        )
    area_factors = rng.uniform(0.6, 1.6, len(residents))
    for measure in PER_THOUSAND:
        rates = expected_counts(by_group["ethnicity", "residents"], "ethnicity", measure, area_factors)
        by_group["ethnicity", measure] = rng.poisson(rates)
        weights = expected_counts(by_group["age", "residents"], "age", measure, area_factors)
        area_totals = by_group["ethnicity", measure].sum(axis=1)
        by_group["age", measure] = np.array(
            [rng.multinomial(n, w / w.sum()) for n, w in zip(area_totals, weights, strict=True)]
        )
        rows += [
            (measure, name, "all", "", int(n)) for name, n in zip(land.unit_names, area_totals, strict=True)
        ]
    rows += [
        ("residents", name, "all", "", int(n)) for name, n in zip(land.unit_names, residents, strict=True)
    ]
    for (trait, measure), counts in by_group.items():
        truth["ratios"].setdefault(trait, {})[measure] = true_ratios(by_group, trait, measure, area_factors)
        rows += _group_rows(land.unit_names, trait, measure, counts, rng)
    columns = ("measure", "area", "trait", "group", "count")
    return BurdenTables(pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), truth)


def expected_counts(residents: Ints, trait: str, measure: str, area_factors: Floats) -> Floats:
    """How many of a measure are to be expected, by area and group?"""
    factor_of_group = np.array(FACTORS[trait][measure])
    mean_factor = float(np.array(list(SHARES[trait].values())) @ factor_of_group)
    rates = area_factors[:, None] * factor_of_group / mean_factor * PER_THOUSAND[measure] / 1000
    return np.asarray(residents * rates, dtype=np.float64)


def true_ratios(
    by_group: Mapping[tuple[str, str], Ints], trait: str, measure: str, area_factors: Floats
) -> dict[str, dict[str, float]]:
    """The true ratio of each group's rate to that of all others, against residents and against victims."""
    if measure not in ("stops", "arrests", "complaints"):
        return {}
    expected_by_area = expected_counts(by_group[trait, "residents"], trait, measure, area_factors).sum(axis=0)
    if trait == "age":  # drawn for the totals that ethnicity gave
        expected_by_area *= by_group["ethnicity", measure].sum() / expected_by_area.sum()
    ratio_by_key = {}
    for against in ("residents", "victims"):
        benchmark_counts = by_group[trait, against].sum(axis=0) if (trait, against) in by_group else None
        if benchmark_counts is not None:
            other_rates = (expected_by_area.sum() - expected_by_area) / (
                benchmark_counts.sum() - benchmark_counts
            )
            ratio_by_key[against] = dict(
                zip(
                    SHARES[trait],
                    (expected_by_area / benchmark_counts / other_rates).round(4).tolist(),
                    strict=True,
                )
            )
    return ratio_by_key


def _group_rows(
    area_names: tuple[str, ...], trait: str, measure: str, counts: Ints, rng: np.random.Generator
) -> list[tuple[str, str, str, str, int]]:
    """The rows of a trait; of stops, some are moved to those whose ethnicity nobody wrote down."""
    hides_group = trait == "ethnicity" and measure == "stops"
    hidden_counts = rng.binomial(counts, UNSTATED_SHARE) if hides_group else np.zeros_like(counts)
    rows = [
        (measure, area, trait, group, int(n))
        for area, row in zip(area_names, counts - hidden_counts, strict=True)
        for group, n in zip(SHARES[trait], row, strict=True)
    ]
    unstated_rows = zip(area_names, hidden_counts.sum(axis=1), strict=True) if hides_group else ()
    return [*rows, *((measure, area, trait, "not stated", int(n)) for area, n in unstated_rows)]
