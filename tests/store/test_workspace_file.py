"""What becalm writes into becalm.toml is what it reads from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from becalm.workspace.config import (
    BoroughEntry,
    BriefEntry,
    CityEntry,
    Config,
    IngestEntry,
    read_config,
    write_config,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NUMBER = st.floats(-1e7, 1e7).map(lambda value: round(value, 3))
CITIES = st.builds(
    CityEntry,
    key=TEXT,
    name=TEXT,
    crs=TEXT,
    time_zone=TEXT,
    holidays=TEXT,
    extent_m=st.none() | st.tuples(NUMBER, NUMBER, NUMBER, NUMBER),
    chosen=st.booleans(),
    boroughs=st.lists(
        st.builds(BoroughEntry, name=TEXT, command_unit=st.none() | TEXT, code=st.none() | TEXT), max_size=3
    ).map(tuple),
)
CONFIGS = st.builds(
    Config,
    city=CITIES,
    ingest=st.builds(IngestEntry, max_reject_share=st.floats(0, 1).map(lambda value: round(value, 6))),
    brief=st.builds(
        BriefEntry,
        source=st.none() | TEXT,
        baselines=st.lists(TEXT, max_size=2).map(tuple),
        count=st.none() | st.integers(1, 999),
        cell_m=st.none() | st.sampled_from([50.0, 150.0, 33.3]),
    ),
)


@given(CONFIGS)
def test_settings_survive_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, config: Config
) -> None:
    folder = tmp_path_factory.mktemp("force")
    write_config(folder, config)
    assert read_config(folder / "becalm.toml") == config
