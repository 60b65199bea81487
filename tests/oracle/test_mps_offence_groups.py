"""The shipped groups give the published Metropolitan Police counts exactly."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from becalm.terms import plain_word
from becalm.workspace.read_offence_tables import load_offences

KNOWN = {
    "robbery": (3442, 1104),
    "violence_with_injury": (6335, 4660),
    "possession_of_weapons": (558, 533),
    "homicide": (13, 12),
    "drug_offences": (3718, 5440),
}


@pytest.mark.data
def test_the_mps_groups_give_the_published_april_counts(shared_data: Path) -> None:
    table = load_offences(None)["mps"]
    wide = pq.read_table(shared_data / "london" / "mps_borough_2010-04_2020-05.parquet").to_pandas()
    wide["group"] = wide["minortext"].map(plain_word).map(table.by_word())
    assert wide["group"].notna().all()
    april = wide.groupby("group")[["201904", "202004"]].sum()
    for group, counts in KNOWN.items():
        assert tuple(april.loc[group]) == counts
    kept = [g.key for g in table.groups if g.in_total]
    assert tuple(april.loc[april.index.isin(kept)].sum()) == (74885, 48670)


@pytest.mark.data
@pytest.mark.parametrize("name", ["violent_2012_2015", "all_types_2015"])
def test_every_chicago_type_has_a_group(shared_data: Path, name: str) -> None:
    words = load_offences(None)["chicago"].by_word()
    types = pq.read_table(shared_data / "chicago" / f"{name}.parquet", columns=["primary_type"])[
        "primary_type"
    ]
    assert {w for w in types.unique().to_pylist() if plain_word(w) not in words} == set()
