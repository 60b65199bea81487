"""A proposed mapping sees what can be seen, doubts the rest, and reads the file once the doubts are gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from extracts import MAPPING, ROWS, context_of, input_file, rows_of
from police_files import Station, station

from becalm.formats.table_reader import read_sheet
from becalm.ingest.desk import mapping_name, propose_mapping
from becalm.ingest.extract.reader import ExtractReader
from becalm.ingest.mapping import choose_mapping
from becalm.ingest.propose.mapping import Proposal, propose
from becalm.ingest.request import MappingRequest
from becalm.terms import FileName, InputError, UsageError

SETTLED = re.compile(r"^doubts = \[.*?^\]\n|^doubts = \[.*?\]\n", re.MULTILINE | re.DOTALL)


def asked(file: Path, *, out: Path | None = None) -> MappingRequest:
    return MappingRequest(file=FileName(str(file)), out=FileName(str(out)) if out else None)


def chicago_like(rows: int = 400) -> pd.DataFrame:
    """Rows such as Chicago's: local times, heaped on full hours, coordinates in degrees, its words."""
    rng = np.random.default_rng(1)
    minutes = rng.integers(0, 300 * 1440, rows)
    minutes[: rows // 4] -= minutes[: rows // 4] % 60
    what = np.array(
        [("ASSAULT", "SIMPLE"), ("ROBBERY", "ARMED: HANDGUN"), ("ASSAULT", "AGGRAVATED: HANDGUN")]
    )
    picked = what[rng.integers(0, 3, rows)]
    return pd.DataFrame(
        {
            "case": np.arange(10_000, 10_000 + rows),
            "date": (pd.Timestamp("2015-04-01") + pd.to_timedelta(minutes, unit="min")).strftime(
                "%m/%d/%Y %I:%M:%S %p"
            ),
            "primary_type": picked[:, 0],
            "description": picked[:, 1],
            "latitude": rng.uniform(41.7, 42.0, rows).round(6),
            "longitude": rng.uniform(-87.7, -87.6, rows).round(6),
            "district": rng.integers(1, 25, rows),
        }
    )


def proposal(
    folder: Path, table: pd.DataFrame | str, *, city: str = "chicago", name: str = "file.csv"
) -> Proposal:
    path = folder / name
    path.write_text(table if isinstance(table, str) else table.to_csv(index=False), "utf-8")
    context = context_of(folder, city=city)
    return propose(
        read_sheet(input_file(path)),
        name="proposed",
        author="the analyst",
        tables=context.offences,
        locator=context.locator,
    )


def settle(text: str) -> str:
    settled, count = SETTLED.subn("", text)
    assert count == 1
    return settled


def test_a_file_like_chicagos_is_seen_and_reads_whole_once_settled(tmp_path: Path) -> None:
    found = proposal(tmp_path, chicago_like())
    for seen in (
        'id = "case"',
        'occurred_from = "date"',
        'formats = ["%m/%d/%Y %I:%M:%S %p"]',
        "full_hour_is_hour = true",
        'table = "chicago"',
        'columns = ["primary_type", "description"]',
        'lookup = [["primary_type", "description"], ["primary_type"]]',
        'x = "longitude"',
        'crs = "EPSG:4326"',
        'command_unit = "district"',
    ):
        assert seen in found.text
    own = tmp_path / "mappings"
    own.mkdir()
    (own / "proposed.toml").write_text(settle(found.text), "utf-8")
    context = context_of(tmp_path, city="chicago")
    file = input_file(tmp_path / "file.csv")
    chosen = choose_mapping(file, context)
    assert chosen is not None
    assert chosen.file_name == "proposed.toml"
    reading = ExtractReader().read(file, context)
    assert (reading.loaded, reading.rejected) == (400, 0)
    assert {row["offence_group"] for row in rows_of(reading)} == {"assault", "robbery", "aggravated_assault"}


def test_a_proposal_is_refused_until_its_doubts_are_settled(tmp_path: Path) -> None:
    found = proposal(tmp_path, chicago_like())
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "proposed.toml").write_text(found.text, "utf-8")
    with pytest.raises(InputError, match=f"{len(found.doubts)} open doubts"):
        ExtractReader().read(input_file(tmp_path / "file.csv"), context_of(tmp_path, city="chicago"))


def doubt(found: Proposal, about: str) -> str:
    (told,) = (d for d in found.doubts if about in d)
    return told


def test_days_before_months_or_after_are_a_doubt(tmp_path: Path) -> None:
    table = chicago_like().assign(date="03/04/2015 10:20")
    assert "%d/%m/%Y %H:%M, %m/%d/%Y %H:%M" in doubt(proposal(tmp_path, table), "several ways")


def test_times_in_the_hour_left_out_speak_for_utc(tmp_path: Path) -> None:
    table = chicago_like().assign(date="2015-03-08 02:30")
    assert "400 of 400 lie in the hour that America/Chicago skips in spring" in doubt(
        proposal(tmp_path, table), "local or UTC"
    )


def test_times_with_offset_are_no_doubt(tmp_path: Path) -> None:
    found = proposal(tmp_path, chicago_like().assign(date="2015-03-08T02:30:00-06:00"))
    assert 'zone = "offset"' in found.text
    assert not any("local or UTC" in d for d in found.doubts)


def test_words_that_no_table_knows_come_with_the_nearest(tmp_path: Path) -> None:
    table = chicago_like()
    table.loc[:3, "primary_type"] = "ROBERY"
    assert "'ROBERY' did you mean \"ROBBERY\"?" in doubt(proposal(tmp_path, table), "does not know")


def test_coordinates_in_feet_are_found_in_the_register(tmp_path: Path) -> None:
    table = chicago_like().rename(columns={"longitude": "x_coordinate", "latitude": "y_coordinate"})
    table["x_coordinate"], table["y_coordinate"] = 1_170_000 + np.arange(400), 1_900_000 + np.arange(400)
    found = proposal(tmp_path, table)
    crs = re.search(r'crs = "(EPSG:\d+)"', found.text)
    assert crs is not None
    assert crs[1] in {"EPSG:3435", "EPSG:3443", "EPSG:3528", "EPSG:3532", "EPSG:6455", "EPSG:26771"}
    assert "several systems" in doubt(found, "several systems")


def test_points_of_another_city_are_a_doubt(tmp_path: Path) -> None:
    assert "0% of the points fall into Greater London" in doubt(
        proposal(tmp_path, chicago_like(), city="london"), "fall into"
    )


def test_few_distinct_points_look_snapped(tmp_path: Path) -> None:
    table = chicago_like()
    table["latitude"], table["longitude"] = 41.8, -87.65
    found = proposal(tmp_path, table)
    assert 'quality = "snap"' in found.text


def test_equal_rows_without_identifier_are_counted_in_a_doubt(tmp_path: Path) -> None:
    table = chicago_like().drop(columns="case")
    found = proposal(tmp_path, pd.concat([table, table.head(7)]))
    assert "7 rows equal an earlier one" in doubt(found, "identifies a record")


def test_a_day_written_as_an_instant_with_its_hour_beside(tmp_path: Path) -> None:
    table = chicago_like().assign(date="2015/03/01 06:00:00+00", hour=np.arange(400) % 24)
    found = proposal(tmp_path, table)
    for seen in ('hour = "hour"', 'zone = "offset"', 'precision = "hour"'):
        assert seen in found.text


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "word\nhello\n", "a,b,c\n,,\n"])
def test_a_file_that_tells_nothing_still_gives_a_whole_proposal(tmp_path: Path, text: str) -> None:
    found = proposal(tmp_path, text)
    assert any("no column looks like a time" in d for d in found.doubts)
    assert any("no column holds words of an offence table" in d for d in found.doubts)


@pytest.fixture
def post(tmp_path: Path) -> Station:
    return station(tmp_path)


def test_the_desk_writes_the_proposal_once_and_never_over_another(post: Station) -> None:
    file = post.inbox / "Force Crimes 2020.csv"
    file.write_text(ROWS)
    made = propose_mapping(post.desk, asked(file))
    assert made.path == post.desk.workspace.mappings_path / "force_crimes_2020.toml"
    assert made.path.read_text("utf-8") == made.proposal.text
    with pytest.raises(UsageError, match="is there already"):
        propose_mapping(post.desk, asked(file))


def test_the_desk_says_when_a_mapping_has_these_columns_already(post: Station, tmp_path: Path) -> None:
    post.desk.workspace.mappings_path.mkdir()
    (post.desk.workspace.mappings_path / "mine.toml").write_text(MAPPING)
    file = post.inbox / "new.csv"
    file.write_text(ROWS)
    assert propose_mapping(post.desk, asked(file, out=tmp_path / "elsewhere.toml")).fits == "mine.toml"


@pytest.mark.parametrize(
    ("file", "name"),
    [("Force Crimes 2020.csv.gz", "force_crimes_2020"), ("2020.xlsx", "extract_2020"), ("Ünï.csv", "n")],
)
def test_a_mapping_is_called_after_its_file(file: str, name: str) -> None:
    assert mapping_name(Path(file)) == name


def test_a_settled_proposal_is_used_by_ingest(post: Station) -> None:
    file = post.inbox / "force.csv"
    file.write_text(ROWS)
    made = propose_mapping(post.desk, asked(file))
    edit: Callable[[str], str] = settle
    made.path.write_text(edit(made.proposal.text), "utf-8")
    report = post.ingest(file)
    assert [f.mapping for f in report.files] == ["mapping force 1"]
    assert len(post.rows()) == 3
