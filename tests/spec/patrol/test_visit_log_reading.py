"""Logs of visits as other systems write them: each is read right, or refused with its rows named."""

from __future__ import annotations

from pathlib import Path

import pytest

from becalm.patrol.core.request import VisitColumns
from becalm.patrol.files.visit_log import read_visit_log
from becalm.terms import InputError

ROWS = (
    ("High St, corner", "2026-01-02T10:00:00Z", "2026-01-02T10:15:00Z"),
    ("B", "2026-01-01T09:00Z", "2026-01-01T09:10Z"),
)


def written(path: Path, delimiter: str, header: tuple[str, ...] = ("hotspot", "start", "end")) -> Path:
    lines = [header, *ROWS]
    path.write_text("".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_whatever_parts_the_fields_the_visits_are_the_same(tmp_path: Path, delimiter: str) -> None:
    read = read_visit_log(written(tmp_path / "v.csv", delimiter), VisitColumns(), time_zone="Europe/London")
    assert sorted(read.log.hotspots) == ["B", "High St, corner"]
    assert read.log.size == 2
    assert any("separated by" in note for note in read.notes) == (delimiter != ",")


def test_capitals_in_the_header_do_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path / "v.csv", ";", ("Hotspot", "START ", "End"))
    assert read_visit_log(path, VisitColumns(), time_zone="Europe/London").log.size == 2


def test_two_columns_that_differ_in_capitals_alone_are_not_chosen_between(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("Hotspot,HOTSPOT,start,end\na,b,2026-01-01T09:00Z,2026-01-01T09:10Z\n", "utf-8")
    with pytest.raises(InputError, match="no hotspot column"):
        read_visit_log(path, VisitColumns(), time_zone="Europe/London")


def test_a_row_with_two_faults_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("hotspot,start,end\na,then,later\nb,2026-01-01T09:00Z,2026-01-01T08:00Z\n", "utf-8")
    with pytest.raises(InputError) as caught:
        read_visit_log(path, VisitColumns(), time_zone="Europe/London")
    assert "2 rows are not visits" in str(caught.value)
    assert [fault.where for fault in caught.value.faults] == ["line 2", "line 2", "line 3"]


@pytest.mark.parametrize(
    ("held", "told"),
    [(b"", "is empty"), ("hotspot\u00e9".encode("latin-1"), "CSV UTF-8"), (None, "is not a file")],
)
def test_a_file_that_is_no_log_is_named_for_what_it_is(tmp_path: Path, held: bytes | None, told: str) -> None:
    path = tmp_path / "v.csv"
    if held is not None:
        path.write_bytes(held)
    with pytest.raises(InputError, match=told):
        read_visit_log(path, VisitColumns(), time_zone="Europe/London")
