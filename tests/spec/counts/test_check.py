"""Is this table what its schema declares?"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from records import incidents, published
from table_checks import check_table

from becalm.tables import TABLES, arrow_schema
from becalm.terms import ArchiveError


def set_column(rows: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = rows.column_names.index(name)
    return rows.set_column(place, rows.schema.field(name), pa.array(values, rows.schema.field(name).type))


SOUND = incidents("day | cell\n2020-04-01 | 3,4\n2020-04-02 |")


def test_a_sound_table_comes_back_with_its_columns_in_order() -> None:
    shuffled = SOUND.select(sorted(SOUND.column_names))
    assert check_table(shuffled, "incidents").equals(SOUND)


def test_dictionaries_count_as_the_words_they_hold() -> None:
    coded = SOUND.set_column(
        SOUND.column_names.index("offence"), "offence", SOUND["offence"].dictionary_encode()
    )
    assert check_table(coded, "incidents").schema.equals(arrow_schema("incidents"))


def test_every_fault_is_told_at_once() -> None:
    wrong = set_column(SOUND, "month", ["2020-13", "2020-04"])
    wrong = set_column(wrong, "weapon", ["sword", "knife"])
    wrong = set_column(wrong, "incident_id", [None, "b"])
    wrong = set_column(wrong, "location_quality", ["none", "none"])
    with pytest.raises(ArchiveError) as caught:
        check_table(wrong, "incidents", "drawn.csv")
    told = str(caught.value)
    for words in (
        "4 faults",
        "'2020-13' is not a month",
        "'sword'",
        "'incident_id' is null in 1",
        "1 rows have a place",
    ):
        assert words in told
    assert all(fault.where == "drawn.csv" for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (SOUND.drop_columns(["ward"]), "'ward' is missing"),
        (SOUND.append_column("extra", pa.array([1, 2])), "'extra' is not declared"),
        (SOUND.set_column(0, "incident_id", pa.array([1, 2])), "'incident_id' is int64"),
    ],
)
def test_other_columns_are_faults(wrong: pa.Table, words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        check_table(wrong, "incidents")


def test_a_count_of_no_known_kind_of_area_is_a_fault() -> None:
    rows = published("borough | count\nBrent | 3")
    with pytest.raises(ArchiveError, match="'county' is not a word of ours"):
        check_table(set_column(rows, "area_kind", ["county"]), "published_counts")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_an_empty_table_of_each_kind_is_sound(table: str) -> None:
    assert check_table(arrow_schema(table).empty_table(), table).num_rows == 0


def test_instants_are_kept_in_microseconds_of_utc() -> None:
    assert arrow_schema("incidents").field("occurred_from").type == pa.timestamp("us", "UTC")
    assert SOUND["as_of"][0].as_py() == date(2020, 6, 1)
