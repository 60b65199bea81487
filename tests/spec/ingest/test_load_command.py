"""What one load does beside its rows: the city, the gaps, the outcomes, the readers, the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from police_files import (
    OUTCOMES,
    Station,
    outcome_row,
    station,
    street_row,
    write_csv,
    write_street,
)

from becalm.formats.sheet import InputFile
from becalm.ingest.desk import list_rejects
from becalm.ingest.read_files import LINES_SHOWN, load_readers, summarise
from becalm.ingest.reader import ReadContext, Reading
from becalm.ingest.request import RejectsRequest
from becalm.terms import FileIntake, InputError
from becalm.workspace.config import open_workspace

CHICAGO = "\n".join(
    ["[city]", 'key = "chicago"', 'name = "Chicago"', 'crs = "EPSG:26971"', 'time_zone = "America/Chicago"']
)


def london_files(here: Station) -> Path:
    return write_street(here.inbox, [street_row(f"a{n}") for n in range(5)])


def test_an_empty_workspace_whose_city_nobody_chose_takes_the_city_of_the_first_file(tmp_path: Path) -> None:
    here = station(tmp_path)
    folder = here.desk.workspace.path
    (folder / "becalm.toml").write_text(f"{CHICAGO}\nchosen = false\n", "utf-8")
    here = replace(here, desk=replace(here.desk, workspace=open_workspace(folder)))
    london_files(here)
    report = here.ingest()
    assert report.notes == (
        "the workspace was empty: its city is now Greater London (EPSG:27700), as these records say",
    )
    adopted = open_workspace(folder)
    assert (adopted.city.key, adopted.config.city.chosen, len(adopted.city.boroughs)) == ("london", True, 33)
    assert here.rows()[0]["easting_m"] == pytest.approx(532_086, abs=5)


def test_a_city_that_was_chosen_is_never_changed_and_foreign_records_are_refused(tmp_path: Path) -> None:
    here = station(tmp_path)
    folder = here.desk.workspace.path
    (folder / "becalm.toml").write_text(f"{CHICAGO}\nchosen = true\n", "utf-8")
    here = replace(here, desk=replace(here.desk, workspace=open_workspace(folder)))
    london_files(here)
    with pytest.raises(InputError, match="or the city of this workspace"):
        here.ingest()
    assert open_workspace(folder).city.key == "chicago"


def test_a_refused_load_leaves_the_city_as_it_was(tmp_path: Path) -> None:
    here = station(tmp_path)
    folder = here.desk.workspace.path
    (folder / "becalm.toml").write_text(f"{CHICAGO}\nchosen = false\n", "utf-8")
    here = replace(here, desk=replace(here.desk, workspace=open_workspace(folder)))
    london_files(here)
    (here.inbox / "2020-05-city-of-london-street.csv").write_bytes(b"")
    with pytest.raises(InputError):
        here.ingest()
    assert open_workspace(folder).city.key == "chicago"


def test_a_month_that_is_missing_between_others_is_told(tmp_path: Path) -> None:
    here = station(tmp_path)
    for month in ("2019-11", "2019-12", "2020-02", "2020-03"):
        write_street(here.inbox, [street_row(f"{month}-{n}", month=month) for n in range(50)], month=month)
    gaps = here.ingest().gaps
    assert [(g.source, g.month, g.kind) for g in gaps] == [("police_uk/city-of-london", "2020-01", "missing")]


def test_the_summary_says_how_many_outcomes_found_their_crime(tmp_path: Path) -> None:
    here = station(tmp_path)
    write_street(here.inbox, [street_row("a"), street_row("b")])
    write_csv(
        here.inbox / "2020-04-city-of-london-outcomes.csv",
        OUTCOMES,
        [outcome_row("a"), outcome_row("a", "Offender fined"), outcome_row("elsewhere")],
    )
    assert here.ingest().notes == ("outcomes: 1 of the 2 crimes that have one are among the incidents",)


def test_every_reader_that_comes_with_becalm_is_found_by_its_entry_point() -> None:
    assert {reader.key for reader in load_readers()} >= {"police_uk", "wide_table", "extract"}


def test_a_mapping_that_the_user_names_is_not_overruled_by_the_file_s_looks(tmp_path: Path) -> None:
    here = station(tmp_path)
    path = london_files(here)
    with pytest.raises(InputError, match=r"gone\.toml"):
        here.ingest(path, mapping=str(tmp_path / "gone.toml"))


def test_progress_is_told_in_bytes_and_reaches_the_total(tmp_path: Path) -> None:
    here = station(tmp_path)
    for month in ("2020-03", "2020-04", "2020-05"):
        write_street(here.inbox, [street_row(month, month=month)], month=month)
    totals: list[float | None] = []
    steps: list[float] = []

    @contextmanager
    def listen(task: str, *, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
        assert (task, unit) == ("reading", "bytes")
        totals.append(total)
        yield steps.append

    replace(here, desk=replace(here.desk, progress=listen)).ingest()
    assert totals == [sum(steps)]
    assert len(steps) == 3


def test_a_reading_that_loses_a_row_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="10 rows are not 8 loaded \\+ 1 rejected"):
        Reading("r", "h", (), (), rows=10, loaded=8, repaired=0, rejected=1)


def test_rejects_of_an_archive_without_any_are_none(tmp_path: Path) -> None:
    assert list_rejects(station(tmp_path).desk, RejectsRequest()).counts == ()


def test_the_reject_share_of_becalm_toml_holds_unless_the_command_says_otherwise(tmp_path: Path) -> None:
    here = station(tmp_path, more="[ingest]\nmax_reject_share = 0.5\n")
    write_street(here.inbox, [street_row("a"), street_row("b"), street_row("c", crime_type="?")])
    with pytest.raises(InputError, match="than the 10%"):
        here.ingest(max_reject_share=0.1)
    assert here.ingest().files[0].rejected == 1


def test_the_same_file_twice_in_one_command_counts_once(tmp_path: Path) -> None:
    here = station(tmp_path)
    path = london_files(here)
    (here.inbox / "copy").mkdir()
    (here.inbox / "copy" / path.name).write_bytes(path.read_bytes())
    report = here.ingest()
    assert len(here.rows()) == 5
    assert [f.status for f in report.files] == ["loaded", "already loaded"]


def one(file: str, *, rejected: int = 0, notes: tuple[str, ...] = ()) -> FileIntake:
    return FileIntake(
        file,
        "police_uk/x",
        "incidents",
        "street",
        (file[-7:],),
        10,
        10 - rejected,
        0,
        rejected,
        date(2020, 1, 1),
        "loaded",
        notes,
    )


def test_few_files_are_listed_one_by_one() -> None:
    files = tuple(one(f"raw.zip: {n}") for n in range(LINES_SHOWN))
    assert summarise(files) == files


def test_many_files_of_one_archive_become_one_line_whose_counts_add_up() -> None:
    files = [
        one(f"raw.zip: 2019-{n:02d}", rejected=n % 2, notes=("2 rows lie outside X",)) for n in range(1, 13)
    ]
    line, other = summarise([*files, one("other.csv")])
    assert (line.file, line.rows, line.loaded, line.rejected) == ("raw.zip: (12 files)", 120, 114, 6)
    assert (line.months[0], line.months[-1]) == ("2019-01", "2019-12")
    assert line.notes == ("24 rows lie outside X",)
    assert other.file == "other.csv"


def test_a_reader_that_is_plugged_in_has_the_one_shape(tmp_path: Path) -> None:
    here = station(tmp_path)
    path = london_files(here)
    file = InputFile(path.name, path, "0" * 64, date(2020, 6, 1))
    context = ReadContext(here.desk.workspace.city, None, {}, tmp_path)  # type: ignore[arg-type]  # not located
    assert [r.key for r in load_readers() if r.recognises(file, context)] == ["police_uk"]
