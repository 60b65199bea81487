"""An archive is as it was before a load or as it is after it, and says when it was damaged."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from records import incidents, load, split

from becalm.archive.intake import open_intake
from becalm.archive.parquet import ParquetArchive
from becalm.tables import TablePart
from becalm.terms import ArchiveError, ReplayError, RowFault

KILLS = 100


def rows(month: str, n: int) -> pa.Table:
    return incidents([{"month": month, "incident_id": f"{month}-{i}"} for i in range(n)])


def never() -> Any:
    raise AssertionError("no engine is needed for this")


def held(root: Path) -> dict[str, int]:
    return {f.month: f.rows for f in ParquetArchive(root, never).files("incidents")}


def parquet_files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*.parquet")}


def load_for_ever(root: Path, tables: list[pa.Table]) -> None:
    """A writer that loads the same months again and again, each time as a newer edition."""
    archive = ParquetArchive(root, never)
    for edition in range(1, 10_000):
        load(archive, *tables, as_of=date(2020, 6, 1), inputs=[f"{edition}-{i}" for i in range(len(tables))])


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child only writes files
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_load_killed_at_any_moment_leaves_the_archive_as_before_or_as_after(tmp_path: Path) -> None:
    moments = random.Random(20)
    root = tmp_path / "archive"
    tables = [rows(f"2020-{month:02d}", 20) for month in range(1, 5)]
    load(ParquetArchive(root, never), *tables)
    whole = {f"2020-{month:02d}": 20 for month in range(1, 5)}
    context = multiprocessing.get_context("fork")
    interrupted = 0
    for _ in range(KILLS):
        writer = context.Process(target=load_for_ever, args=(root, tables))
        writer.start()
        time.sleep(moments.uniform(0.005, 0.12))
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        writer.close()
        archive = ParquetArchive(root, never)
        assert held(root) == whole
        assert {f.intake_id for f in archive.files()} == {max(f.intake_id for f in archive.versions())}
        for file in archive.files():
            assert pq.read_metadata(root / file.path).num_rows == file.rows
        interrupted += (root / ".staging").exists()
    assert interrupted > KILLS / 10, "the kills fell between the loads, so nothing was tested"
    load(ParquetArchive(root, never), rows("2020-05", 1))
    assert parquet_files(root) == {f.path for f in ParquetArchive(root, never).versions()}


@pytest.mark.parametrize("at", ["sha256_of", "sync_path", "manifest_file.write_manifest"])
def test_a_load_that_fails_while_it_is_kept_leaves_the_archive_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    root = tmp_path / "archive"
    load(ParquetArchive(root, never), rows("2020-04", 5))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"becalm.archive.intake.{at}", full)
        with pytest.raises(ArchiveError, match=r"No space left.*Nothing was loaded"):
            load(ParquetArchive(root, never), rows("2020-04", 6), rows("2020-05", 6))
    assert held(root) == {"2020-04": 5}
    load(ParquetArchive(root, never), rows("2020-05", 7))
    assert held(root) == {"2020-04": 5, "2020-05": 7}


def test_what_is_not_committed_is_dropped(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    with open_intake(root) as intake:
        for part in split(rows("2020-04", 5), "incidents"):
            intake.add(
                part, as_of=date(2020, 6, 1), input_file="f", input_sha256="f", recipe="r", recipe_sha256="r"
            )
        staged = Path(intake.staging)
        assert list(staged.iterdir())
    assert not staged.exists()
    assert held(root) == {}
    assert parquet_files(root) == set()


def test_a_second_load_is_told_at_once_whom_to_wait_for(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    with (
        open_intake(root),
        pytest.raises(ArchiveError, match=f"process {os.getpid()}.*Wait"),
        open_intake(root),
    ):
        pass
    load(ParquetArchive(root, never), rows("2020-04", 5))
    assert held(root) == {"2020-04": 5}


def test_one_can_read_while_another_loads(duck: ParquetArchive) -> None:
    load(duck, rows("2020-04", 5))
    before = duck.table("incidents")
    with duck.intake() as intake:
        for part in split(rows("2020-04", 9), "incidents"):
            intake.add(
                part, as_of=date(2020, 7, 1), input_file="f", input_sha256="f", recipe="r", recipe_sha256="r"
            )
        assert before.count().to_pyarrow().as_py() == 5
        intake.commit()
    assert before.count().to_pyarrow().as_py() == 5
    assert duck.table("incidents").count().to_pyarrow().as_py() == 9


def test_leftovers_of_a_killed_load_are_passed_over_and_then_swept(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    load(ParquetArchive(root, never), rows("2020-04", 5))
    kept = parquet_files(root)
    (root / ".staging").mkdir()
    (root / ".staging" / "kept-000000.parquet").write_bytes(b"half")
    stray = root / next(iter(kept)).replace("000001-", "000002-")
    stray.write_bytes(b"moved, but never listed")
    assert held(root) == {"2020-04": 5}
    with open_intake(root):
        pass
    assert parquet_files(root) == kept
    assert not (root / ".staging").exists()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def alter_one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [shorten, alter_one_byte, Path.unlink])
def test_a_damaged_file_is_named(
    duck: ParquetArchive, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    load(duck, rows("2020-04", 50), rows("2020-05", 50))
    duck.table("incidents")
    file = duck.files("incidents")[1]
    damage(tmp_path / "archive" / file.path)
    with pytest.raises(ArchiveError, match="2020-05") as caught:
        duck.table("incidents")
    assert file.path in str(caught.value)
    pinned = {f.path: f.sha256 for f in duck.files("incidents")}
    with pytest.raises(ReplayError, match="2020-05"):
        duck.table("incidents", only=pinned)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 99, "last_intake": 1, "files": []}']
)
def test_a_manifest_that_cannot_be_read_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    root = tmp_path / "archive"
    load(ParquetArchive(root, never), rows("2020-04", 5))
    (root / "manifest.json").write_text(text)
    with pytest.raises(ArchiveError, match=r"manifest\.json"):
        ParquetArchive(root, never).files()
    with pytest.raises(ArchiveError, match=r"manifest\.json"):
        load(ParquetArchive(root, never), rows("2020-05", 5))


def test_a_run_is_pinned_to_the_files_that_it_read(archive: ParquetArchive) -> None:
    load(archive, rows("2020-04", 5), rows("2020-05", 5))
    pinned = {f.path: f.sha256 for f in archive.files()}
    load(archive, rows("2020-04", 8), as_of=date(2020, 7, 1))
    assert archive.table("incidents").count().to_pyarrow().as_py() == 13
    assert archive.table("incidents", only=pinned).count().to_pyarrow().as_py() == 10
    assert archive.table("stops", only=pinned).count().to_pyarrow().as_py() == 0
    with pytest.raises(ReplayError, match="not in this archive"):
        archive.table("incidents", only={**pinned, "incidents/elsewhere.parquet": "0" * 64})
    with pytest.raises(ReplayError, match="not in this archive"):
        archive.table("incidents", only=dict.fromkeys(pinned, "0" * 64))


def test_rejected_rows_are_kept_as_long_as_anything_of_their_load_counts(archive: ParquetArchive) -> None:
    fault = RowFault("f.csv", 7, "lat", "=1+1", "rejected", "not a number", "write it as 51.5")
    for edition, as_of in enumerate((date(2020, 6, 1), date(2020, 7, 1))):
        with archive.intake() as intake:
            for part in split(rows("2020-04", 5 + edition), "incidents"):
                intake.add(
                    part,
                    as_of=as_of,
                    input_file="f.csv",
                    input_sha256=f"{edition}",
                    recipe="r",
                    recipe_sha256="r",
                )
            intake.add_faults([fault])
            intake.commit()
    told = archive.table("row_faults").to_pyarrow().to_pylist()
    assert [(t["file"], t["row"], t["value"], t["intake_id"]) for t in told] == [
        ("f.csv", 7, "=1+1", "000002")
    ]
    former = archive.table("row_faults", as_of=date(2020, 6, 30)).to_pyarrow().to_pylist()
    assert [t["intake_id"] for t in former] == ["000001"]


def test_a_parquet_file_written_in_the_staging_folder_is_moved_in_and_another_is_refused(
    duck: ParquetArchive, tmp_path: Path
) -> None:
    table = rows("2020-04", 5)
    given = {
        "as_of": date(2020, 6, 1),
        "input_file": "f",
        "input_sha256": "f",
        "recipe": "r",
        "recipe_sha256": "r",
    }
    with duck.intake() as intake:
        inside = Path(intake.staging) / "mine.parquet"
        pq.write_table(table, inside)
        intake.add(TablePart("incidents", "drawn", "2020-04", str(inside)), **given)
        outside = tmp_path / "other.parquet"
        pq.write_table(table, outside)
        with pytest.raises(ArchiveError, match="staging"):
            intake.add(TablePart("incidents", "drawn", "2020-04", str(outside)), **given)
        intake.commit()
    assert duck.table("incidents").count().to_pyarrow().as_py() == 5
    assert not inside.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_archive_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    root.mkdir(mode=0o500)
    with pytest.raises(ArchiveError, match="cannot be written"):
        load(ParquetArchive(root, never), rows("2020-04", 5))


def test_an_archive_where_a_file_stands_says_so(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("")
    with pytest.raises(ArchiveError, match="cannot be written"):
        load(ParquetArchive(tmp_path / "archive", never), rows("2020-04", 5))
