"""What becomes of each row of a data.police.uk file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from police_files import (
    OUTCOMES,
    STOPS,
    STREET,
    Station,
    outcome_row,
    station,
    stop_row,
    street_row,
    write_csv,
    write_street,
)

from becalm.terms import InputError


@pytest.fixture
def here(tmp_path: Path) -> Station:
    return station(tmp_path)


def many(rows: int) -> list[str]:
    """Enough sound rows that a few faulty ones do not refuse the file."""
    return [street_row(f"sound-{n}") for n in range(rows)]


def faults(here: Station) -> list[tuple[int, str, str, str]]:
    rows = sorted(here.rows("row_faults"), key=lambda f: f["row"])
    return [(f["row"], f["column"], f["fate"], f["reason"]) for f in rows]


def test_a_street_row_becomes_an_incident_that_carries_a_month_and_never_a_day(here: Station) -> None:
    write_street(here.inbox, [street_row("a1", outcome="Under investigation")])
    here.ingest(as_of=date(2020, 6, 1))
    [row] = here.rows()
    assert (row["incident_id"], row["source"]) == ("a1", "police_uk/city-of-london")
    assert (row["precision"], row["month"], row["as_of"]) == ("month", "2020-04", date(2020, 6, 1))
    assert [row[name] for name in ("occurred_from", "occurred_to", "occurred_on", "hour_of_week")] == [
        None
    ] * 4
    assert (row["offence"], row["offence_group"], row["found_by"]) == ("Robbery", "robbery", "victim")
    assert (row["weapon"], row["injury"], row["outcome"]) == ("unknown", None, "Under investigation")
    assert (row["lsoa"], row["borough"], row["command_unit"]) == ("E01000001", "City of London", None)


def test_a_snap_point_is_kept_in_metres_and_called_one(here: Station) -> None:
    write_street(here.inbox, [street_row("a1")])
    here.ingest()
    [row] = here.rows()
    assert row["easting_m"] == pytest.approx(532_086, abs=5)
    assert row["northing_m"] == pytest.approx(181_913, abs=5)
    assert row["location_quality"] == "snap"


def test_offences_that_the_police_find_by_looking_are_marked(here: Station) -> None:
    write_street(here.inbox, [street_row("a1", crime_type="Drugs"), street_row("a2")])
    here.ingest()
    assert {key: row["found_by"] for key, row in here.by_id().items()} == {"a1": "police", "a2": "victim"}


def test_the_borough_is_what_the_record_says_and_only_the_city_s_have_command_units(here: Station) -> None:
    write_street(
        here.inbox,
        [
            street_row("in", area="E01004736,Westminster 013B"),
            street_row("out", area="E01007359,Barnsley 005C"),
        ],
    )
    here.ingest()
    rows = here.by_id()
    assert (rows["in"]["borough"], rows["in"]["command_unit"]) == ("Westminster", "Central West")
    assert (rows["out"]["borough"], rows["out"]["command_unit"]) == ("Barnsley", None)


def test_rows_without_a_crime_id_are_all_kept_under_ids_that_stay_the_same(tmp_path: Path) -> None:
    rows = [street_row(crime_type="Anti-social behaviour")] * 3
    ids = []
    for name in ("one", "two"):
        here = station(tmp_path / name)
        write_street(here.inbox, rows)
        here.ingest()
        ids.append(sorted(here.by_id()))
    assert ids[0] == ids[1] == [f"police_uk/city-of-london:2020-04:{n}" for n in (1, 2, 3)]


def test_a_whole_row_that_repeats_is_rejected_as_such(here: Station) -> None:
    write_street(here.inbox, [street_row("twice"), *many(30), street_row("twice")])
    report = here.ingest()
    assert faults(here) == [(33, "Crime ID", "rejected", "the whole row repeats an earlier one")]
    assert (report.files[0].rows, report.files[0].loaded, report.files[0].rejected) == (32, 31, 1)


def test_a_file_that_holds_every_row_twice_loads_each_once(here: Station) -> None:
    write_street(here.inbox, [*many(20), *many(20)])
    report = here.ingest()
    assert (report.files[0].loaded, report.files[0].rejected) == (20, 20)


def test_a_crime_id_that_repeats_with_other_content_is_kept_under_an_id_of_its_own(here: Station) -> None:
    write_street(
        here.inbox, [street_row("x"), street_row("x", crime_type="Burglary"), street_row("x", outcome="Y")]
    )
    report = here.ingest()
    assert {k: r["offence"] for k, r in here.by_id().items()} == {
        "x": "Robbery",
        "x#2": "Burglary",
        "x#3": "Robbery",
    }
    assert report.files[0].notes == (
        "2 rows carry the Crime ID of another crime: kept, their ids end in #2, #3 ...",
    )


def test_rows_without_coordinates_load_without_a_location_and_are_no_fault(here: Station) -> None:
    write_street(here.inbox, [street_row("a", place=",")])
    report = here.ingest()
    [row] = here.rows()
    assert (row["location_quality"], row["easting_m"], row["northing_m"]) == ("none", None, None)
    assert report.files[0].repaired == 0


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("0,0", "the point (0, 0) stands for no location"),
        ("0.000000,0.000000", "the point (0, 0) stands for no location"),
        ("-87.6,41.8", "the point lies outside the area for which EPSG:27700 is made"),
        ("51.5,-0.1", "the point lies outside the area for which EPSG:27700 is made"),
        ("-0.1,", "the coordinates are not two numbers"),
        ("west,51.5", "the coordinates are not two numbers"),
        ("nan,51.5", "the coordinates are not two numbers"),
        ("inf,51.5", "the coordinates are not two numbers"),
        ("1e999,51.5", "the coordinates are not two numbers"),
    ],
)
def test_coordinates_that_cannot_be_meant_are_dropped_and_the_row_kept(
    here: Station, place: str, reason: str
) -> None:
    write_street(here.inbox, [*many(30), street_row("odd", place=place)])
    report = here.ingest()
    assert here.by_id()["odd"]["location_quality"] == "none"
    assert faults(here) == [(32, "Longitude, Latitude", "repaired", reason)]
    assert here.rows("row_faults")[0]["value"] == place.replace(",", ", ")
    assert (report.files[0].loaded, report.files[0].repaired, report.files[0].rejected) == (31, 1, 0)


def test_an_unknown_crime_type_is_rejected_with_the_nearest_known_one(here: Station) -> None:
    write_street(
        here.inbox, [*many(60), street_row("odd", crime_type="Robery"), street_row("none", crime_type="")]
    )
    report = here.ingest()
    reason = "the crime type is not in the offence table"
    assert faults(here) == [(62, "Crime type", "rejected", reason), (63, "Crime type", "rejected", reason)]
    remedies = {f["row"]: f["remedy"] for f in here.rows("row_faults")}
    assert 'did you mean "Robbery"?' in remedies[62]
    assert "offences/police_uk.toml" in remedies[63]
    assert report.files[0].loaded == 60


def test_a_file_is_read_at_its_rows_word_where_its_name_says_another_month(here: Station) -> None:
    write_street(here.inbox, [street_row("a", month="2019-12")], month="2020-04")
    report = here.ingest()
    assert [row["month"] for row in here.rows()] == ["2019-12"]
    assert report.files[0].notes == ("the name says 2020-04, the rows say 2019-12: the rows were believed",)


def test_a_stray_row_of_another_month_does_not_take_that_months_place(here: Station) -> None:
    write_street(here.inbox, [street_row("may")], month="2020-05")
    write_street(here.inbox, [street_row("kept-1"), street_row("kept-2")])
    here.ingest(here.inbox / "2020-04-city-of-london-street.csv")
    write_street(
        here.inbox,
        [*(street_row(f"m{n}", month="2020-05") for n in range(40)), street_row("stray")],
        month="2020-05",
    )
    here.ingest(here.inbox / "2020-05-city-of-london-street.csv")
    assert sorted(r["incident_id"] for r in here.rows() if r["month"] == "2020-04") == ["kept-1", "kept-2"]
    assert faults(here) == [
        (42, "Month", "rejected", "the row is of another month than the file's name (2020-05)")
    ]


def test_a_month_that_is_none_is_rejected(here: Station) -> None:
    write_street(here.inbox, [*many(80), street_row("a", month="2020-13"), street_row("b", month="")])
    here.ingest()
    assert [f[1:] for f in faults(here)] == [("Month", "rejected", "the month is not a month")] * 2


def test_a_file_of_several_months_without_a_month_in_its_name_is_split(here: Station) -> None:
    write_csv(
        here.inbox / "all.csv",
        STREET,
        [street_row("a", month="2020-03"), street_row("b"), street_row("c", month="2020-03")],
    )
    report = here.ingest()
    assert report.files[0].source == "police_uk/city-of-london"
    assert report.files[0].months == ("2020-03", "2020-04")
    assert {r["incident_id"]: r["month"] for r in here.rows()} == {
        "a": "2020-03",
        "b": "2020-04",
        "c": "2020-03",
    }


def test_a_reissued_month_takes_the_place_of_the_former_which_stays_readable(here: Station) -> None:
    file = write_street(here.inbox, [street_row("a"), street_row("b")])
    here.ingest(as_of=date(2020, 5, 1))
    write_street(here.inbox, [street_row("a"), street_row("b"), street_row("late")])
    report = here.ingest(file, as_of=date(2020, 6, 1))
    assert report.files[0].status == "supersedes"
    assert len(here.rows()) == 3
    assert len(here.rows(as_of=date(2020, 5, 31))) == 2


def test_an_older_edition_is_kept_without_taking_the_newer_ones_place(here: Station) -> None:
    file = write_street(here.inbox, [street_row("a"), street_row("b")])
    here.ingest(as_of=date(2020, 6, 1))
    write_street(here.inbox, [street_row("a")])
    report = here.ingest(file, as_of=date(2020, 5, 1))
    assert len(here.rows()) == 2
    assert report.files[0].status == "loaded"
    assert report.files[0].notes == ("an edition as of 2020-06-01 stays current for 2020-04",)


def test_the_same_bytes_are_loaded_once(here: Station) -> None:
    file = write_street(here.inbox, [street_row("a")])
    assert here.ingest().intake_id is not None
    report = here.ingest(file)
    assert (report.intake_id, report.files[0].status, report.files[0].source) == (
        None,
        "already loaded",
        "police_uk/city-of-london",
    )
    assert len(here.rows()) == 1


def test_outcomes_are_kept_by_crime_id(here: Station) -> None:
    write_csv(
        here.inbox / "2020-04-city-of-london-outcomes.csv",
        OUTCOMES,
        [
            outcome_row("a"),
            outcome_row("a", "Offender fined"),
            *(outcome_row(f"s{n}") for n in range(40)),
            outcome_row(""),
        ],
    )
    report = here.ingest()
    assert [r["outcome"] for r in here.rows("outcomes") if r["incident_id"] == "a"] == [
        "Offender sent to prison",
        "Offender fined",
    ]
    assert faults(here) == [(44, "Crime ID", "rejected", "the Crime ID is empty")]
    assert report.files[0].table == "outcomes"


def test_a_stop_before_midnight_in_utc_belongs_to_the_next_local_month(here: Station) -> None:
    write_csv(
        here.inbox / "2020-05-city-of-london-stop-and-search.csv",
        STOPS,
        [stop_row("2020-04-30T23:30:00+00:00"), stop_row("2020-05-31T22:59:00+00:00")],
    )
    here.ingest()
    rows = here.rows("stops")
    assert [r["month"] for r in rows] == ["2020-05", "2020-05"]
    assert rows[0]["stopped_at"] == datetime(2020, 4, 30, 23, 30, tzinfo=UTC)


def test_nothing_about_the_person_who_was_stopped_is_taken_over(here: Station) -> None:
    write_csv(
        here.inbox / "2020-05-city-of-london-stop-and-search.csv",
        STOPS,
        [stop_row("2020-05-02T10:00:00+00:00")],
    )
    here.ingest()
    [row] = here.rows("stops")
    assert {"Female", "18-24", "Asian"} & set(map(str, row.values())) == set()


def test_a_stop_without_an_instant_is_rejected(here: Station) -> None:
    rows = [stop_row(f"2020-05-02T10:{n:02d}:00+00:00") for n in range(40)]
    write_csv(
        here.inbox / "2020-05-city-of-london-stop-and-search.csv", STOPS, [*rows, stop_row("yesterday")]
    )
    here.ingest()
    assert faults(here) == [(42, "Date", "rejected", "the date is not an instant")]


def test_a_file_with_too_many_faulty_rows_is_refused_whole_and_tells_why(here: Station) -> None:
    write_street(here.inbox, [*many(20), *(street_row(f"o{n}", crime_type="Robery") for n in range(12))])
    write_street(here.inbox, [street_row("fine", month="2020-03")], month="2020-03")
    with pytest.raises(InputError) as refusal:
        here.ingest()
    text = str(refusal.value)
    assert "1 of 2 files have more rejected rows than the 5%" in text
    assert "12 of 32 rows: the crime type is not in the offence table" in text
    assert 'row 22  Crime type "Robery"' in text
    assert '-> did you mean "Robbery"?' in text
    assert text.count("row ") == 10  # the first ten rows are shown
    assert here.desk.archive.versions() == ()
    assert here.ingest(max_reject_share=0.5).files[1].rejected == 12


def test_a_file_whose_coordinates_are_of_another_country_is_refused(here: Station) -> None:
    write_street(here.inbox, [street_row(f"c{n}", place="-87.6,41.8") for n in range(9)])
    with pytest.raises(InputError, match="check the coordinates, or the city of this workspace"):
        here.ingest()
