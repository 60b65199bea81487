"""Which mapping reads a file: the named one, the workspace's own, or a shipped one. Never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest
from extracts import MAPPING, ROWS, context_of, input_file, named

from becalm.formats.sheet import InputFile
from becalm.ingest.mapping import choose_mapping, shipped_mappings
from becalm.ingest.reader import ReadContext
from becalm.terms import InputError
from becalm.workspace.config import shipped_cities
from becalm.workspace.read_offence_tables import load_offences


@pytest.fixture
def file(tmp_path: Path) -> InputFile:
    (tmp_path / "force.csv").write_text(ROWS)
    return input_file(tmp_path / "force.csv")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    return tmp_path / "mappings"


def chosen(file: InputFile, context: ReadContext) -> str | None:
    found = choose_mapping(file, context)
    return found.file_name if found else None


def test_a_file_is_read_by_the_mapping_with_exactly_its_columns(
    file: InputFile, own: Path, tmp_path: Path
) -> None:
    assert chosen(file, context_of(tmp_path)) is None
    (own / "mine.toml").write_text(MAPPING)
    assert chosen(file, context_of(tmp_path)) == "mine.toml"
    (own / "mine.toml").write_text(MAPPING.replace('"area"]', '"area", "more"]'))
    assert chosen(file, context_of(tmp_path)) is None


def test_the_order_of_columns_does_not_matter(own: Path, tmp_path: Path) -> None:
    (own / "mine.toml").write_text(MAPPING)
    (tmp_path / "turned.csv").write_text("area,y,x,what,when,ref\n")
    assert chosen(input_file(tmp_path / "turned.csv"), context_of(tmp_path)) == "mine.toml"


def test_two_mappings_for_one_file_are_told_apart_by_name(file: InputFile, own: Path, tmp_path: Path) -> None:
    (own / "a.toml").write_text(MAPPING.replace('name = "force"', 'name = "first"'))
    (own / "b.toml").write_text(MAPPING.replace('name = "force"', 'name = "second"'))
    with pytest.raises(InputError, match=r"fits 2 mappings: a, b -> name one, e.g. `mapping a`"):
        choose_mapping(file, context_of(tmp_path))
    assert chosen(file, named(context_of(tmp_path), "second")) == "b.toml"
    for name in ("a", "a.toml", str(own / "a.toml")):  # as the refusal writes it, or as a path
        assert chosen(file, named(context_of(tmp_path), name)) == "a.toml"


def test_a_mapping_that_is_not_there_comes_with_the_nearest(file: InputFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='did you mean "toronto"'):
        choose_mapping(file, named(context_of(tmp_path), "tornoto"))


def test_faults_of_all_own_mappings_come_together(file: InputFile, own: Path, tmp_path: Path) -> None:
    (own / "a.toml").write_text(MAPPING.replace('author = "the analyst"\n', ""))
    (own / "b.toml").write_text(MAPPING.replace('"minute"', '"month"'))
    with pytest.raises(InputError) as refused:
        choose_mapping(file, context_of(tmp_path))
    assert [f.where for f in refused.value.faults] == ["a.toml: author", "b.toml: time"]


def test_a_mapping_reads_only_the_formats_it_names(file: InputFile, own: Path, tmp_path: Path) -> None:
    (own / "mine.toml").write_text(MAPPING.replace('id = "ref"', 'id = "ref"\nformats = ["parquet"]'))
    assert chosen(file, context_of(tmp_path)) is None


def test_shipped_mappings_are_whole() -> None:
    tables, cities = load_offences(None), shipped_cities()
    names = [c.mapping.name for c in shipped_mappings()]
    assert len(set(names)) == len(names)
    for found in shipped_mappings():
        mapping = found.mapping
        assert found.file_name == f"{mapping.name}.toml"
        assert mapping.doubts == ()
        assert mapping.author
        assert mapping.reviewed_on
        assert mapping.origin
        assert mapping.city is None or mapping.city in cities
        assert mapping.offence is None or mapping.offence.table in tables
