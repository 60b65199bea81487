"""What was loaded can be seen, taken back, and destroyed in its time; nothing larger is lost unseen."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from police_files import STOPS, STREET, Station, station, stop_row, street_row, write_csv, write_street

from becalm.ingest.past_loads import list_loads, list_sources, purge_records, take_back_load
from becalm.ingest.request import LoadsRequest, PurgeRequest, WithdrawRequest
from becalm.terms import InputError, ReplayError, UsageError

NAME = "2020-04-city-of-london-street.csv"


@pytest.fixture
def here(tmp_path: Path) -> Station:
    return station(tmp_path)


def rows_of(prefix: str, count: int, *, month: str = "2020-04") -> list[str]:
    return [street_row(f"{prefix}{n}", month=month) for n in range(count)]


def two_editions(here: Station) -> None:
    write_street(here.inbox, rows_of("a", 40))
    here.ingest(as_of=date(2020, 5, 1))
    write_street(here.inbox, rows_of("b", 41))
    here.ingest(as_of=date(2020, 5, 10))


def withdrawal(load: str, reason: str = "the wrong export") -> WithdrawRequest:
    return WithdrawRequest(load=load, reason=reason)


def test_loads_are_listed_with_what_still_counts(here: Station) -> None:
    two_editions(here)
    newest, oldest = list_loads(here.desk, LoadsRequest())
    assert (newest.load, newest.rows, newest.current_rows, newest.status) == ("000002", 41, 41, "current")
    assert (oldest.load, oldest.rows, oldest.current_rows, oldest.status) == ("000001", 40, 0, "superseded")
    assert (oldest.loaded_on, oldest.loaded_by, oldest.files) == (date(2020, 6, 1), "tester", (NAME,))
    assert list_loads(here.desk, LoadsRequest(source="another")) == ()


def test_what_a_withdrawn_load_replaced_counts_again(here: Station) -> None:
    two_editions(here)
    load = take_back_load(here.desk, withdrawal("2"))
    assert (load.status, load.current_rows, load.reason) == ("withdrawn", 0, "the wrong export")
    assert {row["incident_id"][0] for row in here.rows()} == {"a"}
    events = [e.event for e in here.desk.open_ledger().entries(kinds=("records_withdrawn",))]
    assert [(e.facts["intake"], e.facts["reason"], e.facts["rows"]) for e in events] == [
        ("000002", "the wrong export", 41)
    ]


def test_a_withdrawn_file_can_be_loaded_again(here: Station) -> None:
    two_editions(here)
    take_back_load(here.desk, withdrawal("000002"))
    assert here.ingest(as_of=date(2020, 5, 10)).files[0].status == "supersedes"
    assert len(here.rows()) == 41


def test_a_load_that_is_not_there_or_was_withdrawn_is_told(here: Station) -> None:
    two_editions(here)
    with pytest.raises(UsageError, match="There is no load '7'; there are 000002, 000001"):
        take_back_load(here.desk, withdrawal("7"))
    with pytest.raises(UsageError, match="No reason is given"):
        take_back_load(here.desk, withdrawal("1", " "))
    take_back_load(here.desk, withdrawal("1"))
    with pytest.raises(UsageError, match="withdrawn already"):
        take_back_load(here.desk, withdrawal("1"))
    assert len(here.rows()) == 41


def old_and_new(here: Station) -> None:
    write_street(here.inbox, rows_of("old", 5, month="2013-01"), month="2013-01")
    write_street(here.inbox, rows_of("new", 6))
    here.ingest(as_of=date(2020, 5, 1))


def test_a_purge_destroys_old_files_and_keeps_their_hashes(here: Station) -> None:
    old_and_new(here)
    old_file = next(f for f in here.desk.archive.versions() if f.month == "2013-01")
    path = here.desk.workspace.archive_path / old_file.path
    assert path.is_file()
    purge = purge_records(here.desk, PurgeRequest(before=date(2014, 6, 1)))
    assert (purge.files, purge.rows, purge.first_month, purge.last_month) == (1, 5, "2013-01", "2013-01")
    assert not path.exists()
    assert {row["month"] for row in here.rows()} == {"2020-04"}
    kept = next(f for f in here.desk.archive.versions() if f.month == "2013-01")
    assert (kept.sha256, kept.purged_on) == (old_file.sha256, "2020-06-01")
    with pytest.raises(ReplayError, match="purged on 2020-06-01"):
        here.desk.archive.table("incidents", only={old_file.path: old_file.sha256})


def test_a_purge_inside_the_time_of_keeping_is_refused_and_destroys_nothing(here: Station) -> None:
    old_and_new(here)
    with pytest.raises(UsageError, match=r"kept for 72 months .* Give a day up to 2014-06-01"):
        purge_records(here.desk, PurgeRequest(before=date(2014, 6, 2)))
    with pytest.raises(UsageError, match="No records lie before 2013-01-01"):
        purge_records(here.desk, PurgeRequest(before=date(2013, 1, 1)))
    assert len(here.rows()) == 11


def test_what_a_killed_purge_left_is_destroyed_by_the_next_load(here: Station) -> None:
    old_and_new(here)
    old_file = next(f for f in here.desk.archive.versions() if f.month == "2013-01")
    path = here.desk.workspace.archive_path / old_file.path
    left = path.read_bytes()
    purge_records(here.desk, PurgeRequest(before=date(2014, 6, 1)))
    path.write_bytes(left)
    write_street(here.inbox, rows_of("newer", 3, month="2020-03"), month="2020-03")
    here.ingest(as_of=date(2020, 5, 1))
    assert not path.exists()


def test_the_sources_are_listed_with_their_months_and_day(here: Station) -> None:
    old_and_new(here)
    (source,) = list_sources(here.desk)
    assert (source.source, source.table, source.rows) == ("police_uk/city-of-london", "incidents", 11)
    assert (source.first_month, source.last_month, source.loads) == ("2013-01", "2020-04", 1)


def test_a_file_that_would_replace_a_larger_one_has_to_be_meant(here: Station) -> None:
    write_street(here.inbox, rows_of("a", 40))
    here.ingest(as_of=date(2020, 5, 1))
    write_street(here.inbox, rows_of("a", 25))
    with pytest.raises(InputError, match="has 25 rows, where 40 are loaded -> load the whole month"):
        here.ingest(as_of=date(2020, 5, 10))
    assert len(here.rows()) == 40
    here.ingest(as_of=date(2020, 5, 10), replace=True)
    assert len(here.rows()) == 25


def test_a_day_of_publication_that_has_not_come_is_refused(here: Station) -> None:
    write_street(here.inbox, rows_of("a", 3))
    with pytest.raises(UsageError, match="`as_of` 2020-06-02 is later than today, 2020-06-01"):
        here.ingest(as_of=date(2020, 6, 2))


def test_months_after_the_day_of_publication_are_rejected(here: Station) -> None:
    write_street(here.inbox, [*rows_of("a", 30), street_row("late", month="2020-06")])
    (here.inbox / NAME).rename(here.inbox / "all-street.csv")
    report = here.ingest(as_of=date(2020, 5, 31))
    assert (report.files[0].loaded, report.files[0].rejected) == (30, 1)


def test_stops_written_twice_count_once(here: Station) -> None:
    stops = [stop_row(f"2020-04-{n:02d}T10:00:00+00:00") for n in range(1, 26)]
    write_csv(here.inbox / "2020-04-city-of-london-stop-and-search.csv", STOPS, [*stops, *stops])
    report = here.ingest(as_of=date(2020, 5, 1))
    assert (report.files[0].loaded, report.files[0].rejected) == (25, 25)


def test_street_rows_written_twice_count_once_even_without_an_identifier(here: Station) -> None:
    nameless = [
        street_row("", place=f"-0.09{n:02d},51.52", crime_type="Anti-social behaviour") for n in range(10)
    ]
    rows = [*rows_of("a", 10), *nameless]
    write_street(here.inbox, [*rows, *rows])
    report = here.ingest(as_of=date(2020, 5, 1))
    assert (report.files[0].loaded, report.files[0].rejected) == (20, 20)


def test_rows_of_several_forces_in_one_file_are_kept_apart(here: Station) -> None:
    met = [row.replace("City of London Police", "Metropolitan Police Service") for row in rows_of("m", 7)]
    write_csv(here.inbox / "all_london.csv", STREET, [*rows_of("c", 5), *met])
    here.ingest(as_of=date(2020, 5, 1))
    sources = sorted(row["source"] for row in here.rows())
    assert (sources.count("police_uk/city-of-london"), sources.count("police_uk/metropolitan")) == (5, 7)


def test_rows_of_another_force_than_the_files_name_are_rejected(here: Station) -> None:
    other = street_row("x").replace("City of London Police", "Metropolitan Police Service")
    write_street(here.inbox, [*rows_of("c", 30), other])
    report = here.ingest(as_of=date(2020, 5, 1))
    assert (report.files[0].loaded, report.files[0].rejected) == (30, 1)
    assert {row["source"] for row in here.rows()} == {"police_uk/city-of-london"}


def test_records_of_another_city_are_refused_unless_they_are_meant(here: Station) -> None:
    write_street(here.inbox, [street_row(f"a{n}", place="-1.5491,53.8008") for n in range(20)])
    with pytest.raises(InputError, match="20 of 20 points outside Greater London"):
        here.ingest(as_of=date(2020, 5, 1))
    assert here.ingest(as_of=date(2020, 5, 1), allow_outside=True).files[0].loaded == 20
