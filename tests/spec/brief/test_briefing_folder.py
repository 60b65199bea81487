"""A briefing's folder appears whole or not at all, and its record can be read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import briefings
import pytest

from becalm.formats.json_text import read_record, record_json
from becalm.render.pages import write_folder
from becalm.terms import ReplayError, UsageError

FILES = {"index.html": "<p>é</p>\n", "run.json": "{}\n"}


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_folder_holds_the_files_byte_for_byte(tmp_path: Path) -> None:
    write_folder(tmp_path / "briefing", {**FILES, "comparison.csv": "a,b\n1,2\n"})
    assert (tmp_path / "briefing" / "index.html").read_bytes() == "<p>é</p>\n".encode()
    assert (tmp_path / "briefing" / "comparison.csv").read_bytes() == b"a,b\n1,2\n"
    assert names(tmp_path) == {"briefing"}


def test_an_earlier_briefing_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "briefing"
    write_folder(folder, {**FILES, "hotspots.geojson": "old"})
    write_folder(folder, FILES | {"hotspots.geojson": "new"})
    assert (folder / "hotspots.geojson").read_text() == "new"
    write_folder(folder, {**FILES, "comparison.csv": "", "hotspots.geojson": ""})
    assert names(tmp_path) == {"briefing"}


def test_an_empty_folder_is_used_and_missing_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", FILES)
    write_folder(tmp_path / "a" / "b", FILES)
    assert names(tmp_path / "empty") == names(tmp_path / "a" / "b") == set(FILES)


@pytest.mark.parametrize("held", ["letter.txt", "index.html"])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, held: str) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / held).write_text("mine")
    with pytest.raises(UsageError, match="is not an earlier briefing"):
        write_folder(folder, FILES)
    assert (folder / held).read_text() == "mine"


def test_a_briefing_with_a_strangers_file_in_it_is_left_alone(tmp_path: Path) -> None:
    write_folder(tmp_path / "briefing", FILES)
    (tmp_path / "briefing" / "notes.docx").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.docx"):
        write_folder(tmp_path / "briefing", FILES)


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "briefing").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_folder(tmp_path / "briefing", FILES)


def test_a_failure_midway_leaves_the_earlier_briefing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "briefing"
    write_folder(folder, FILES)

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        write_folder(folder, {"index.html": "half", "run.json": "{}"})
    assert (folder / "index.html").read_text() == FILES["index.html"]
    assert names(tmp_path) == {"briefing"}


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(record_json(briefings.run_record()), encoding="utf-8")
    assert read_record(tmp_path / "run.json") == briefings.run_record()
    unseen = replace(briefings.run_record(), as_of=None)
    (tmp_path / "run.json").write_text(record_json(unseen), encoding="utf-8")
    assert read_record(tmp_path / "run.json") == unseen


def test_the_order_in_which_files_were_found_leaves_no_trace() -> None:
    run = briefings.run_record()
    turned = replace(run, data=dict(reversed(run.data.items())))
    assert record_json(run) == record_json(turned)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": "five"}, "seed"),
        ({"data": {"archive/a.parquet": "not a hash"}}, "data"),
        ({"made_at": "2020-06-10T07:30:00"}, "made_at"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_record_that_is_none_is_refused_with_every_fault(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    entry = json.loads(record_json(briefings.run_record())) | change
    (tmp_path / "run.json").write_text(json.dumps(entry))
    with pytest.raises(ReplayError, match=said):
        read_record(tmp_path / "run.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ReplayError, match=r"run\.json"):
        read_record(tmp_path / "run.json")
    with pytest.raises(ReplayError, match="cannot be read"):
        read_record(tmp_path / "gone.json")
