"""The public data.police.uk files give the counts that are known of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from police_files import Station, station

from becalm.terms import InputError

pytestmark = pytest.mark.data
CITY = "raw/police_uk_city_of_london_2018-04_2020-05.zip"


@pytest.fixture(scope="module")
def city_of_london(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Station:
    here = station(tmp_path_factory.mktemp("city"))
    here.ingest(shared_data / CITY)
    return here


def test_the_city_of_london_fell_from_851_to_236_in_april_and_from_711_to_226_in_may(
    city_of_london: Station,
) -> None:
    counts = Counter(row["month"] for row in city_of_london.rows())
    assert {m: counts[m] for m in ("2019-04", "2020-04", "2019-05", "2020-05")} == {
        "2019-04": 851,
        "2020-04": 236,
        "2019-05": 711,
        "2020-05": 226,
    }


def test_every_row_is_loaded_or_rejected_with_a_reason(city_of_london: Station, shared_data: Path) -> None:
    report = city_of_london.ingest(shared_data / CITY)
    assert {f.status for f in report.files} == {"already loaded"}
    street = len(city_of_london.rows())
    stops = len(city_of_london.rows("stops"))
    faults = city_of_london.rows("row_faults")
    assert all(f["reason"] and f["remedy"] for f in faults)
    assert (street, stops, len(faults)) == (19_213, 4_778, 4)
    assert street + stops + len(faults) == 19_217 + 4_778


def test_ids_are_unique_though_crime_ids_repeat(city_of_london: Station) -> None:
    per_month = Counter((row["month"], row["incident_id"]) for row in city_of_london.rows())
    assert max(per_month.values()) == 1


def test_the_share_without_coordinates_is_that_of_the_published_file(city_of_london: Station) -> None:
    quality = Counter(row["location_quality"] for row in city_of_london.rows())
    assert quality["none"] == 1_396
    assert set(quality) == {"snap", "none"}


def test_a_second_force_loads_into_a_workspace_of_london_only_if_it_is_meant(
    shared_data: Path, tmp_path: Path
) -> None:
    here, archive = station(tmp_path), shared_data / "raw/police_uk_west_yorkshire_2016-07_2017-07.zip"
    with pytest.raises(InputError, match="25,829 of 25,829 points outside Greater London"):
        here.ingest(archive)
    report = here.ingest(archive, allow_outside=True)
    assert [(f.source, f.rows, f.loaded) for f in report.files] == [
        ("police_uk/west-yorkshire", 27_176, 27_176),
        ("police_uk/west-yorkshire", 28_537, 28_537),
    ]
    assert all("rows lie outside Greater London" in " ".join(f.notes) for f in report.files)


def test_the_flat_layout_loads_street_outcomes_and_stops(shared_data: Path, tmp_path: Path) -> None:
    here = station(tmp_path)
    report = here.ingest(shared_data / "raw/police_uk_metropolitan_burglary_only_2019-04_2020-04.zip")
    assert sorted(f.table for f in report.files) == ["incidents", "incidents", "outcomes", "stops"]
    assert {f.source for f in report.files} == {"police_uk/metropolitan"}
    assert sum(f.rows for f in report.files if f.table == "incidents") == 9_952
    assert sum(f.rejected for f in report.files if f.table == "incidents") == 47
    assert {row["month"] for row in here.rows("stops")} == {"2018-04"}
