"""The tables that London publishes today, and the JSON of data.police.uk, have shipped mappings."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from police_files import Station, station

HEADS = (
    "Month_Year,Area Type,Borough_SNT,Area Name,Area Code,{0},{1},Measure,Financial Year,Count,Refresh Date"
)
ROW = "2020-03-01,{kind},Camden,{area},E09000007,{0},{1},{measure},fy19-20,{count},2020-04-04"


@pytest.fixture
def here(tmp_path: Path) -> Station:
    return station(tmp_path)


def write(here: Station, name: str, titles: tuple[str, str], *rows: tuple[str, str, str, int]) -> None:
    lines = [HEADS.format(*titles)]
    for group, subgroup, measure, count in rows:
        lines.append(ROW.format(group, subgroup, kind="Borough", area="Camden", measure=measure, count=count))
        team = "Safer Neighborhood Teams"
        lines.append(ROW.format(group, subgroup, kind=team, area="Camden Town", measure=measure, count=1))
    (here.inbox / name).write_text("\n".join(lines) + "\n", "utf-8")


def counts(here: Station) -> dict[tuple[str, str, str, str], int]:
    rows = here.rows("published_counts")
    return {(r["source"], r["area_kind"], r["offence_group"], r["measure"]): r["count"] for r in rows}


def test_offences_and_positive_outcomes_are_never_added(here: Station) -> None:
    write(
        here,
        "M1045_MonthlyCrimeDashboard_TNOCrimeData.csv",
        ("Offence Group", "Offence Subgroup"),
        ("ROBBERY", "ROBBERY OF PERSONAL PROPERTY", "Offences", 68),
        ("ROBBERY", "ROBBERY OF PERSONAL PROPERTY", "Positive Outcomes", 4),
        ("BURGLARY", "A NEW KIND OF BURGLARY", "Offences", 9),
    )
    here.ingest(as_of=date(2020, 5, 1))
    found = counts(here)
    assert found["mps_offences", "borough", "robbery", "offences"] == 68
    assert found["mps_offences", "borough", "robbery", "positive outcomes"] == 4
    assert found["mps_offences", "borough", "burglary", "offences"] == 9
    assert found["mps_offences", "neighbourhood", "robbery", "offences"] == 1


def test_tables_with_the_same_columns_are_told_apart_by_their_names(here: Station) -> None:
    titles = ("Crime Type", "Crime Subtype")
    write(here, "M1045_KnifeCrimeData.csv", titles, ("KNIFE CRIME", "KNIFE CRIME", "Offences", 45))
    write(here, "M1045_OtherCrimeData.csv", titles, ("HATE CRIME", "RACIST HATE CRIME", "Offences", 12))
    here.ingest(as_of=date(2020, 5, 1))
    found = counts(here)
    assert found["mps_knife", "borough", "knife_crime", "offences"] == 45
    assert found["mps_other", "borough", "hate_crime", "offences"] == 12


def test_the_json_of_data_police_uk_is_read(here: Station) -> None:
    street = {"id": 1, "name": "On or near A Street"}
    crimes = [
        {
            "category": ("robbery", "violent-crime")[n % 2],
            "location_type": "Force",
            "location": {
                "latitude": "51.51",
                "longitude": "-0.09",
                "street": street,
            },
            "context": "",
            "outcome_status": None if n % 2 else {"category": "Under investigation", "date": "2020-05"},
            "persistent_id": "",
            "id": 8000 + n,
            "location_subtype": "",
            "month": "2020-04",
        }
        for n in range(6)
    ]
    (here.inbox / "crimes.json").write_text(json.dumps(crimes))
    report = here.ingest(as_of=date(2020, 5, 31))
    assert (report.files[0].source, report.files[0].loaded) == ("police_uk_api", 6)
    assert {row["offence_group"] for row in here.rows()} == {"robbery", "violence_and_sexual_offences"}
