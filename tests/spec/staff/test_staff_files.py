"""Files of officers, rosters and absences under other names of columns, and as workbooks."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from small_force import RULES
from xlsxwriter import Workbook

from becalm.simulate.force import draw_staff
from becalm.simulate.write_city import write_csv
from becalm.staff.files.read_staff import read_staff
from becalm.terms import InputError

UNITS = ("Ash", "Beech")
MAPPING = '[officers]\nstaff_number = "Collar"\ncommand_unit = "BCU"\n[roster]\nstaff_number = "Collar"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The staff of 30 officers as `becalm simulate` writes it."""
    tables = draw_staff(UNITS, np.random.default_rng(4), count=30, pivot=date(2020, 5, 4))
    for name in ("officers", "roster", "availability"):
        write_csv(getattr(tables, name), tmp_path / f"{name}.csv")
    return tmp_path


def read(folder: Path, mapping: Path | None = None):
    return read_staff(folder, RULES, command_units=UNITS, zone="Europe/London", mapping=mapping)


def rename_columns(path: Path, **names: str) -> None:
    head, _, body = path.read_text("utf-8").partition("\n")
    columns = [names.get(column, column) for column in head.split(",")]
    path.write_text(",".join(columns) + "\n" + body, "utf-8")


def test_other_names_of_columns_are_read_by_a_mapping(folder: Path) -> None:
    plain = read(folder)
    rename_columns(folder / "officers.csv", staff_number="Collar", command_unit="BCU")
    rename_columns(folder / "roster.csv", staff_number="Collar")
    (folder / "mapping.toml").write_text(MAPPING, "utf-8")
    mapped = read(folder, folder / "mapping.toml")
    assert mapped.officers == plain.officers
    assert np.array_equal(mapped.published, plain.published)
    with pytest.raises(InputError, match="staff_number"):
        read(folder)


def test_a_workbook_is_read_as_a_csv_is(folder: Path) -> None:
    plain = read(folder)
    with (folder / "officers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with Workbook(folder / "officers.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    (folder / "officers.csv").unlink()
    assert read(folder).officers == plain.officers


def test_faults_of_all_three_files_come_together_with_their_rows(folder: Path) -> None:
    spoilt = {
        "officers.csv": ("constable", "constabel"),
        "roster.csv": ("early", "dawn"),
        "availability.csv": ("leave", "holiday"),
    }
    for name, (word, other) in spoilt.items():
        path = folder / name
        path.write_text(path.read_text("utf-8").replace(word, other, 1), "utf-8")
    with pytest.raises(InputError) as refusal:
        read(folder)
    places = [fault.where.partition(",")[0] for fault in refusal.value.faults]
    assert set(places) == set(spoilt)
    assert all(", row " in fault.where for fault in refusal.value.faults)


def test_a_skill_that_had_expired_and_a_state_beyond_its_recall_are_refused(folder: Path) -> None:
    officers, absences = folder / "officers.csv", folder / "availability.csv"
    text = officers.read_text("utf-8")
    skill = next(cell for cell in text.replace("\n", ",").split(",") if cell.startswith("driver:"))
    officers.write_text(text.replace(skill, "driver:2019-12-31", 1), "utf-8")
    row = "D1001,2020-05-04,2020-05-11,freed,2020-04-20 09:00"
    rows = (f"{row},airport,2020-05-09", f"{row.replace('09:00', '10:00')},,")
    absences.write_text(absences.read_text("utf-8") + "\n".join(rows) + "\n", "utf-8")
    with pytest.raises(InputError) as refusal:
        read(folder)
    problems = [fault.what for fault in refusal.value.faults]
    assert problems == [
        "skill driver expired on 2019-12-31, before the roster begins on 2020-01-06",
        "is freed until 2020-05-11, and recalled on 2020-05-09",
        "is freed, without a donor or a day of recall",
    ]
