"""What a damaged, foreign or hostile file comes to: a clear refusal or a named row, and nothing lost."""

from __future__ import annotations

import os
import stat
import zipfile
from datetime import date
from pathlib import Path

import pytest
from police_files import STREET, Station, station, street_row, write_csv, write_street

from becalm.ingest import input_files, read_files
from becalm.terms import InputError

NAME = "2020-04-city-of-london-street.csv"


@pytest.fixture
def here(tmp_path: Path) -> Station:
    return station(tmp_path)


def many(rows: int) -> list[str]:
    return [street_row(f"sound-{n}") for n in range(rows)]


def zipped(here: Station, members: dict[str, bytes], name: str = "raw.zip", **options: object) -> Path:
    path = here.inbox / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def street_bytes(rows: list[str]) -> bytes:
    return "\n".join([STREET, *rows, ""]).encode()


def refusal(here: Station, *paths: Path, **options: object) -> str:
    with pytest.raises(InputError) as refused:
        here.ingest(*paths, **options)
    assert here.desk.archive.versions() == (), "nothing may be loaded"
    return str(refused.value)


def test_a_path_that_does_not_exist_is_named(here: Station) -> None:
    text = refusal(here, here.inbox / "gone.csv", here.inbox / "lost.zip")
    assert "gone.csv" in text
    assert "lost.zip" in text
    assert "check the path" in text


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_zip_is_refused(here: Station, share: float) -> None:
    path = zipped(here, {NAME: street_bytes(many(300))})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "is not a whole zip file" in refusal(here, path)


def test_a_zip_with_a_damaged_member_is_refused(here: Station) -> None:
    path = zipped(here, {NAME: street_bytes(many(300))})
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    text = refusal(here, path)
    assert "cannot be unpacked" in text
    assert NAME in text


@pytest.mark.parametrize(
    "name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "..\\evil.csv", "C:\\evil.csv"]
)
def test_a_zip_that_points_outside_itself_is_refused(here: Station, name: str) -> None:
    text = refusal(here, zipped(here, {name: street_bytes(many(3)), NAME: street_bytes(many(3))}))
    assert "points outside the archive" in text


def test_a_zip_bomb_is_refused_before_it_is_unpacked(here: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "BOMB_BYTES", 1 << 20)
    text = refusal(here, zipped(here, {NAME: b"0" * (4 << 20)}))
    assert "would unpack to 4,194,304 bytes" in text


def test_the_leavings_of_a_mac_are_ignored_without_a_word(here: Station) -> None:
    junk = {"__MACOSX/._x.csv": b"x", ".DS_Store": b"x", "a/._b.csv": b"x"}
    report = here.ingest(zipped(here, {NAME: street_bytes(many(3)), **junk}))
    assert report.skipped == ()
    assert len(here.rows()) == 3


def test_what_no_reader_knows_is_skipped_with_its_reason(here: Station) -> None:
    members = {
        NAME: street_bytes(many(3)),
        "readme.md": b"hello",
        "x/other.csv": b"a,b\n1,2\n",
        "in.zip": b"PK",
    }
    report = here.ingest(zipped(here, members))
    assert {s.name: s.reason for s in report.skipped} == {
        "raw.zip: in.zip": "a zip inside a zip: unpack it first",
        "raw.zip: readme.md": "no reader or mapping fits it",
        "raw.zip: x/other.csv": "no reader or mapping fits its columns: a, b",
    }


def test_a_folder_of_something_else_is_refused_naming_what_was_found(here: Station) -> None:
    for name in ("a.jpg", "b.jpg", "c.docx"):
        (here.inbox / name).write_bytes(b"\x89PNG")
    text = refusal(here)
    assert "Nothing to load was found (2 x jpg, 1 x docx)" in text
    assert "becalm reads data.police.uk street" in text


def test_an_empty_folder_is_refused(here: Station) -> None:
    assert "no files at all" in refusal(here)


def test_a_file_of_something_else_is_refused_with_its_columns(here: Station) -> None:
    path = write_csv(here.inbox / "mine.csv", "when,what", ["2020-04-01,robbery"])
    text = refusal(here, path)
    assert "no reader or mapping fits its columns: when, what" in text
    assert "becalm ingest map FILE" in text


def test_something_that_is_neither_file_nor_folder_is_refused_without_waiting_for_it(here: Station) -> None:
    os.mkfifo(here.inbox / "pipe.csv")
    assert "is neither a file nor a folder" in refusal(here, here.inbox / "pipe.csv")
    write_street(here.inbox, many(3))
    assert [s.name for s in here.ingest().skipped] == ["pipe.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read_is_refused(here: Station) -> None:
    path = write_street(here.inbox, many(3))
    path.chmod(stat.S_IWUSR)
    assert "check its permissions" in refusal(here)


def test_an_empty_file_is_refused(here: Station) -> None:
    (here.inbox / NAME).write_bytes(b"")
    assert "is empty" in refusal(here)


def test_a_file_of_blank_lines_is_refused_as_empty(here: Station) -> None:
    (here.inbox / NAME).write_bytes(b"\n\n  \n")
    assert "is empty" in refusal(here)


def test_a_header_without_rows_is_told_and_takes_no_months_place(here: Station) -> None:
    write_csv(here.inbox / NAME, STREET, [])
    write_street(here.inbox, many(3), month="2020-05")
    report = here.ingest()
    empty = next(f for f in report.files if f.file == NAME)
    assert (empty.rows, empty.months) == (0, ())
    assert empty.notes == ("a header and no rows",)
    assert {r["month"] for r in here.rows()} == {"2020-04"}


def test_nothing_but_a_header_is_refused(here: Station) -> None:
    write_csv(here.inbox / NAME, STREET, [])
    assert "hold a header and no rows" in refusal(here)


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_another_delimiter_is_named(here: Station, delimiter: str, name: str) -> None:
    rows = [row.replace(",", delimiter) for row in many(5)]
    write_csv(here.inbox / NAME, STREET.replace(",", delimiter), rows)
    assert f"is separated by {name}, not by commas" in refusal(here)


def test_missing_columns_are_named_with_the_nearest_that_were_seen(here: Station) -> None:
    header = STREET.replace("Crime type", "Crime Typ").replace("Longitude", "x")
    write_csv(here.inbox / NAME, header, many(5))
    text = refusal(here)
    assert '"Crime type" not found -> the nearest column is "Crime Typ": rename it' in text
    assert '"Longitude" not found -> the columns are Crime ID, Month' in text


def test_a_byte_order_mark_changes_nothing(here: Station) -> None:
    (here.inbox / NAME).write_bytes(b"\xef\xbb\xbf" + street_bytes(many(5)))
    here.ingest()
    assert len(here.rows()) == 5


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_and_said_so(here: Station, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    (here.inbox / NAME).write_bytes((mark + street_bytes(many(5)).decode()).encode(encoding))
    report = here.ingest()
    assert len(here.rows()) == 5
    assert report.files[0].notes == ("written in UTF-16: read as such",)


def test_zero_bytes_are_not_text(here: Station) -> None:
    (here.inbox / NAME).write_bytes(street_bytes(many(5)).replace(b"Robbery", b"Rob\0ery"))
    assert "holds zero bytes" in refusal(here)


def test_a_row_that_was_cut_is_rejected_with_its_line_and_the_rest_loads(here: Station) -> None:
    rows = [*many(30), street_row("cut")[:40], *(street_row(f"more-{n}") for n in range(30))]
    write_csv(here.inbox / NAME, STREET, rows)
    report = here.ingest()
    [fault] = here.rows("row_faults")
    assert (fault["row"], fault["reason"]) == (32, "the row has fewer fields than the header")
    assert fault["value"] == street_row("cut")[:40]
    assert (report.files[0].rows, report.files[0].loaded) == (61, 60)


def test_a_last_line_that_was_cut_in_mid_field_is_rejected(here: Station) -> None:
    content = street_bytes(many(40))
    (here.inbox / NAME).write_bytes(content[:-25])
    report = here.ingest()
    assert [f["row"] for f in here.rows("row_faults")] == [41]
    assert (report.files[0].loaded, report.files[0].rejected) == (39, 1)
    assert "the last line has no end: the file may have been cut short" in report.files[0].notes


def test_a_row_with_a_comma_too_many_is_rejected(here: Station) -> None:
    write_csv(here.inbox / NAME, STREET, [*many(30), street_row("more") + ",x"])
    here.ingest()
    assert [f["reason"] for f in here.rows("row_faults")] == ["the row has more fields than the header"]


def test_a_lone_quotation_mark_costs_its_own_row_and_no_other(here: Station) -> None:
    rows = [*many(30), street_row("odd").replace("On or near", '"On or near'), *many(60)[30:]]
    write_csv(here.inbox / NAME, STREET, rows)
    report = here.ingest()
    assert [f["row"] for f in here.rows("row_faults")] == [32]
    assert report.files[0].loaded == 60


def test_bytes_that_are_not_utf_8_cost_their_own_row(here: Station) -> None:
    rows = "\n".join([STREET, *many(30), street_row("bad", outcome="caf\xe9"), *many(50)[30:], ""])
    (here.inbox / NAME).write_bytes(rows.encode("latin-1"))
    here.ingest()
    [fault] = here.rows("row_faults")
    assert (fault["row"], fault["reason"]) == (32, "the line is not UTF-8 text")
    assert len(here.rows()) == 50


def test_blank_lines_are_no_rows_and_do_not_shift_the_numbers(here: Station) -> None:
    rows = [*many(20), "", "", *many(40)[20:], street_row("odd", crime_type="?")]
    write_csv(here.inbox / NAME, STREET, rows)
    report = here.ingest()
    assert [f["row"] for f in here.rows("row_faults")] == [44]
    assert report.files[0].rows == 41


def test_empty_lines_above_and_spaces_in_the_header_change_nothing(here: Station) -> None:
    lines = ["", "", STREET.replace(",", " , "), *many(5), street_row("odd", crime_type="?"), ""]
    (here.inbox / NAME).write_bytes("\n".join(lines).encode())
    here.ingest(max_reject_share=0.5)
    assert len(here.rows()) == 5
    assert [f["row"] for f in here.rows("row_faults")] == [9]


def test_lines_that_end_as_on_windows_are_read(here: Station) -> None:
    (here.inbox / NAME).write_bytes(street_bytes(many(5)).replace(b"\n", b"\r\n"))
    here.ingest()
    assert len(here.rows()) == 5


def test_a_field_beyond_all_measure_is_refused_without_being_kept(
    here: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_files, "LINE_LIMIT_BYTES", 10_000)
    rows = [*many(5), street_row("huge", context="x" * 20_000), *many(9)[5:]]
    write_csv(here.inbox / NAME, STREET, rows)
    text = refusal(here)
    assert "line 7  is longer than 10,000 bytes" in text


def test_formula_text_is_kept_as_it_is(here: Station) -> None:
    write_street(here.inbox, [street_row("a", outcome="=cmd|' /C calc'!A0")])
    here.ingest()
    assert here.rows()[0]["outcome"] == "=cmd|' /C calc'!A0"


def test_all_refusals_of_one_command_are_told_together(here: Station) -> None:
    (here.inbox / NAME).write_bytes(b"")
    write_csv(here.inbox / "2020-05-city-of-london-street.csv", "a;b", ["1;2"])
    write_street(here.inbox, many(3), month="2020-03")
    text = refusal(here)
    assert "2 files were refused; nothing was loaded" in text
    assert NAME in text
    assert "2020-05-city-of-london-street.csv" in text


def test_the_as_of_date_is_the_newest_in_the_zip_unless_stated(here: Station) -> None:
    path = here.inbox / "raw.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for day, month in ((3, "2020-04"), (9, "2020-05")):
            info = zipfile.ZipInfo(f"{month}-city-of-london-street.csv", (2020, 7, day, 1, 2, 4))
            archive.writestr(info, street_bytes([street_row(f"{day}", month=month)]))
    assert {f.as_of for f in here.ingest(path).files} == {date(2020, 7, 9)}


def test_a_zip_whose_members_carry_no_date_is_dated_by_its_file(here: Station) -> None:
    path = here.inbox / "raw.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(NAME), street_bytes(many(3)))
    os.utime(path, (1_593_600_000, 1_593_600_000))
    assert here.ingest(path).files[0].as_of == date(2020, 7, 1)


def test_a_file_is_dated_by_its_last_change(here: Station) -> None:
    path = write_street(here.inbox, many(3))
    os.utime(path, (1_593_600_000, 1_593_600_000))
    assert here.ingest().files[0].as_of == date(2020, 7, 1)


def test_nested_and_flat_layouts_are_read_alike(here: Station) -> None:
    for folder, month in (("2020-04", "2020-04"), (".", "2020-05")):
        write_street(here.inbox / folder, [street_row(month, month=month)], month=month)
    here.ingest()
    assert sorted(r["incident_id"] for r in here.rows()) == ["2020-04", "2020-05"]


def test_a_load_that_fails_leaves_nothing_behind(here: Station) -> None:
    (here.inbox / NAME).write_bytes(b"")
    refusal(here)
    left = [p for p in here.desk.workspace.archive_path.rglob("*") if p.is_file() and p.name != ".lock"]
    assert left == []
