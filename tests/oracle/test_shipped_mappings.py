"""Every shipped mapping reads the public file that it was made for: what is known to be there came in."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from extracts import context_of, input_file, named

from becalm.ingest.extract.reader import ExtractReader
from becalm.ingest.reader import Reading
from becalm.terms import InputError

pytestmark = pytest.mark.data


def read(folder: Path, path: Path, *, city: str = "london", mapping: str | None = None) -> Reading:
    context = context_of(folder, city=city)
    if mapping is not None:
        context = named(context, mapping)
    file, reader = input_file(path), ExtractReader()
    assert reader.recognises(file, context)
    return reader.read(file, context)


def rows_of(reading: Reading) -> pa.Table:
    tables = [part.rows for part in reading.parts if isinstance(part.rows, pa.Table)]
    rows = pa.concat_tables(tables)
    assert rows.num_rows == reading.loaded
    assert reading.rows == reading.loaded + reading.rejected
    return rows


def tally(rows: pa.Table, column: str) -> dict[str, int]:
    return {v["values"]: v["counts"] for v in pc.value_counts(rows[column]).to_pylist()}


def fates(reading: Reading) -> collections.Counter[Any]:
    return collections.Counter((f.fate, f.reason.split(":")[0]) for f in reading.faults)


def test_chicago_violence(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "chicago" / "violent_2012_2015.parquet", city="chicago")
    rows = rows_of(reading)
    assert (reading.loaded, reading.rejected, len(reading.parts)) == (343_544, 0, 48)
    groups = tally(rows, "offence_group")
    assert groups["homicide"] == 1856
    assert groups["robbery"] == 44_742
    assert groups["battery"] + groups["aggravated_battery"] == 211_502
    quality = tally(rows, "location_quality")
    assert quality == {"block": 343_544 - 262 - 8, "none": 262 + 8}
    assert fates(reading) == {
        ("repaired", "happened twice"): 93,
        ("repaired", "does not exist"): 22,
        ("repaired", "is no place where EPSG"): 8,
    }
    assert set(tally(rows, "precision")) == {"minute", "hour"}  # a full hour is not believed to the minute
    assert pc.min(rows["easting_m"]).as_py() > 330_000


def test_all_of_chicago_in_2015(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "chicago" / "all_types_2015.parquet", city="chicago")
    rows = rows_of(reading)
    assert (reading.loaded, len(reading.parts)) == (263_929, 12)
    assert tally(rows, "location_quality")["none"] == 6036
    assert tally(rows, "offence_group")["drugs"] == 23_883 + 5
    late = rows.filter(pc.and_(pc.equal(rows["precision"], "day"), pc.is_valid(rows["hour_of_week"])))
    assert late.num_rows == 0
    assert set(tally(rows.filter(pc.equal(rows["precision"], "day")), "offence_group")) == {
        "sexual_offences",
        "offences_against_children",
        "deceptive_practice",
    }


def test_toronto_repeats_hours_and_midnights(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "toronto" / "mci_2014_2021.parquet", city="toronto")
    rows = rows_of(reading)
    assert (reading.rows, reading.loaded, reading.rejected) == (240_992, 239_389, 1603)
    assert tally(rows, "precision") == {"hour": 239_389}
    source = pq.read_table(shared_data / "toronto" / "mci_2014_2021.parquet").to_pandas().drop_duplicates()
    hours = rows["hour_of_week"].to_numpy().astype(int) % 24
    moved = fates(reading)["repaired", "does not exist"]
    assert int(hours.sum()) - int(source["occurrencehour"].sum()) == moved
    days = {str(d) for d in pc.unique(rows["occurred_on"]).to_pylist()}
    assert days == set(source["occurrencedate"].str[:10].str.replace("/", "-"))


def test_london_street_points(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "london" / "street_points_2018-02_2020-05.parquet")
    rows = rows_of(reading)
    assert (reading.loaded, reading.rejected, len(reading.parts)) == (1_461_408, 0, 28)
    assert tally(rows, "offence_group")["robbery"] == 80_599
    assert tally(rows, "precision") == {"month": 1_461_408}
    assert tally(rows, "location_quality") == {"snap": 1_461_408}
    assert pc.count_distinct(rows["incident_id"]).as_py() == 1_461_408
    assert rows["hour_of_week"].null_count == rows.num_rows


def test_london_stops(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "london" / "stop_search_2018-04_2019-02.parquet")
    rows = rows_of(reading)
    assert {part.table for part in reading.parts} == {"stops"}
    assert (reading.loaded, reading.rejected) == (151_900, 0)
    assert tally(rows, "location_quality")["none"] == 13_919
    assert {part.month for part in reading.parts} == {f"2018-{m:02d}" for m in range(4, 13)} | {
        "2019-01",
        "2019-02",
    }


def test_knife_crime_and_its_young_victims(shared_data: Path, tmp_path: Path) -> None:
    reading = read(tmp_path, shared_data / "london" / "mps_knife_monthly_2022-03_2023-12.parquet")
    rows = rows_of(reading).to_pandas()
    assert (reading.loaded, reading.rejected) == (26_823, 0)
    sums = rows.groupby(["area_kind", "offence_group", "measure"])["count"].sum().to_dict()
    for kind in ("borough", "neighbourhood"):
        assert sums[kind, "knife_crime", "offences"] == 25_219
        assert sums[kind, "knife_crime", "positive outcomes"] == 3365
        assert sums[kind, "knife_injury_victims_1_to_24", "victims"] == 2635
    assert "Camden" in set(rows["borough"])


def test_portland_must_be_named_and_is_in_feet(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "portland" / "bur_2012-03_2017-02.csv.gz"
    with pytest.raises(InputError, match="fits 2 mappings"):
        read(tmp_path, path)
    with pytest.raises(InputError, match="becalm init DIR --city portland"):
        read(tmp_path, path, mapping="portland_burglary")
    reading = read(tmp_path, path, city="portland", mapping="portland_burglary")
    rows = rows_of(reading)
    assert (reading.loaded, reading.rejected) == (5096, 0)
    assert tally(rows, "precision") == {"day": 5096}
    assert tally(rows, "location_quality") == {"exact": 5096}
    assert reading.notes == ()  # every point lies inside the city
    with pytest.raises(InputError, match='did you mean "portland_burglary"'):
        read(tmp_path, path, mapping="portland_burglery")
