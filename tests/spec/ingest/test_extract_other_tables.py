"""Stops, and counts in long tables, through mappings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from extracts import context_of, input_file, rows_of

from becalm.ingest.extract.reader import ExtractReader
from becalm.ingest.reader import Reading

STOPS = """\
utc,type,lat,lon,gender,age_range,self_ethnicity,officer_ethnicity,legislation,object_of_search,outcome,\
outcome_linked,file_month
2018-03-31 23:05:00,Person search,51.5,-0.12,Male,18-24,,,PACE,Offensive weapons,Arrest,,2018-04
2018-04-02 10:00:00,Vehicle search,,,Male,18-24,,,PACE,Stolen goods,,,2018-04
"""
KNIFE = """\
month_year,area_type,borough_snt,area_name,area_code,crime_type,crime_subtype,measure,\
financial_year,fy_fyindex,count
2022-03-01,Borough,Camden,Camden,E09000007,Knife Crime,Knife Crime,Offences,fy21-22,21-22_01,29
2022-03-01,Borough,Camden,Camden,E09000007,Knife Crime,Knife Injury Victims (1-24),Offences,fy21-22,21-22_01,2
2022-03-01,Safer Neighbourhood Teams,Camden Bloomsbury,Bloomsbury,E05,\
Knife Crime,Knife Crime,Positive Outcomes,fy,01,1
2022-03-01,Ward,Camden,Camden,E09000007,Knife Crime,Knife Crime,Offences,fy21-22,21-22_01,1
2022-03-01,Borough,Camden,Camden,E09000007,Knife Crime,Knife Crime with Injury,Offences,fy21-22,21-22_01,-1
"""


def read(folder: Path, text: str) -> Reading:
    (folder / "file.csv").write_text(text)
    file, context, reader = input_file(folder / "file.csv"), context_of(folder), ExtractReader()
    assert reader.recognises(file, context)
    assert reader.city_key(file, context) == "london"
    return reader.read(file, context)


def test_stops_are_in_utc_and_belong_to_the_local_month(tmp_path: Path) -> None:
    rows = sorted(rows_of(read(tmp_path, STOPS)), key=lambda row: row["stopped_at"])
    assert rows[0]["stopped_at"] == datetime(2018, 3, 31, 23, 5, tzinfo=UTC)
    assert rows[0]["month"] == "2018-04"
    assert [row["location_quality"] for row in rows] == ["snap", "none"]
    assert (rows[0]["kind"], rows[0]["object_of_search"]) == ("Person search", "Offensive weapons")
    assert rows[1]["outcome"] is None


def test_nothing_about_the_person_stopped_is_kept(tmp_path: Path) -> None:
    kept = {str(value) for row in rows_of(read(tmp_path, STOPS)) for value in row.values()}
    assert kept.isdisjoint({"Male", "18-24"})


def test_victims_are_told_from_offences_and_outcomes(tmp_path: Path) -> None:
    reading = read(tmp_path, KNIFE)
    counts = {
        (row["area_kind"], row["borough"], row["offence_group"], row["measure"]): row["count"]
        for row in rows_of(reading)
    }
    assert counts == {
        ("borough", "Camden", "knife_crime", "offences"): 29,
        ("borough", "Camden", "knife_injury_victims_1_to_24", "victims"): 2,
        ("neighbourhood", "Camden", "knife_crime", "positive outcomes"): 1,
    }
    assert (reading.loaded, reading.rejected) == (3, 2)
    assert {(f.row, f.column) for f in reading.faults} == {(5, "area_type"), (6, "count")}
