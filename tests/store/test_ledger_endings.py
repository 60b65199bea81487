"""A new log excuses a head that was kept outside by a signed statement beside it, and by nothing else."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers import begun_log, draw_salt, open_sqlite, plain, visit
from tamper_grounds import FileGround
from tampering import NEXT_DAY

from becalm.ledger import (
    Anchor,
    EventToAppend,
    LedgerCopy,
    LogEnding,
    SigningKey,
    Verdict,
    draw_key,
    ending_of,
    parse_anchor,
    sign_ending,
    verify_ledger,
)
from becalm.ledger.log_ending import format_ending, parse_ending
from becalm.terms import InputError

WEEK_LATER = NEXT_DAY + timedelta(days=6)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> FileGround:
    return FileGround(tmp_path_factory.mktemp("ground"))


class Restored:
    """An older copy on which a new log was begun; its statement is not signed yet."""

    def __init__(self, ground: FileGround, folder: Path) -> None:
        self.ground, self.folder = ground, folder
        older = min(ground.backups.iterdir(), key=lambda path: int(path.name))
        shutil.copytree(older, folder)
        anchor_files = [parse_anchor(path.read_text(), str(path)) for path in ground.anchors]
        (folder / "ledger.head").write_text(f"{ground.scene.size} {ground.scene.rows[-1][14]}\n")
        ticks = iter(range(10**6))
        self.ledger = open_sqlite(
            folder / "ledger.sqlite",
            now=lambda: NEXT_DAY + timedelta(seconds=next(ticks)),
            draw_salt=draw_salt,
        )
        (self.begun,) = self.ledger.append(plain(begun_log(self.ledger, at=NEXT_DAY)))
        self.anchors = [Anchor(point, f"{point.head.size}.json", is_outside=True) for point in anchor_files]
        self.unsigned = ending_of(
            self.begun, new_head=self.ledger.head(), lost_size=ground.scene.size, made_at=WEEK_LATER
        )

    def signed(self, key: SigningKey | None = None, **changes: object) -> LogEnding:
        unsigned = replace(self.unsigned, **changes)  # type: ignore[arg-type] # fields by their names
        return sign_ending(unsigned, key or self.ground.scene.key)

    def verify(self, *endings: LogEnding) -> Verdict:
        kept = [Anchor(point, "the ledger", is_outside=False) for point in self.ledger.checkpoints()]
        copy = LedgerCopy(
            self.ledger.identities[0], self.ledger.rows, [*kept, *self.anchors], endings=endings
        )
        return verify_ledger(copy)

    def verify_alone(self, *endings: LogEnding) -> tuple[int, dict[str, object]]:
        files = list(self.ground.anchors)
        for number, ending in enumerate(endings):
            files.append(self.folder / f"{number}.ended.json")
            files[-1].write_text(format_ending(ending))
        return alone(self.ground, self.folder / "ledger.sqlite", "--json", *with_anchors(files))


def with_anchors(files: list[Path]) -> list[str]:
    return [word for file in files for word in ("--anchor", str(file))]


def alone(ground: FileGround, place: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(  # our own file
        [sys.executable, "-I", "-S", str(ground.verifier), str(place), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.stderr == ""
    is_json = "--json" in arguments
    return done.returncode, json.loads(done.stdout) if is_json else {"text": done.stdout}


@pytest.fixture
def restored(ground: FileGround, tmp_path: Path) -> Restored:
    return Restored(ground, tmp_path / "case")


def test_with_the_statement_the_old_log_is_ended_and_the_new_one_holds(restored: Restored) -> None:
    ending = restored.signed()
    restored.ledger.keep_ending(ending)
    restored.ledger.append(plain(visit(at=NEXT_DAY)))
    verdict = restored.verify(ending)
    assert verdict.findings == ()
    assert any("took its place" in note and "are lost" in note for note in verdict.notes)
    assert verdict.proven_outside_size == max(
        size for size in restored.ground.scene.outside if size <= restored.unsigned.old_head.size
    )
    code, summary = restored.verify_alone(ending)
    assert (code, summary["holds"]) == (0, True)


def test_without_the_statement_it_is_contradicted(restored: Restored) -> None:
    verdict = restored.verify()
    assert verdict.is_contradicted
    assert any("sergeant and inspector" in finding.description for finding in verdict.findings)
    assert restored.verify_alone()[0] == 15


WRONG: dict[str, Callable[[Restored], LogEnding]] = {
    "of a key that signed no old head": lambda case: case.signed(draw_key()),
    "altered after it was signed": lambda case: replace(case.signed(), lost_size=1),
    "unsigned": lambda case: replace(case.signed(), signature="00" * 64),
    "of another old head": lambda case: case.signed(old_head=replace(case.unsigned.old_head, root="0" * 64)),
    "of another new head": lambda case: case.signed(
        new_head=replace(case.unsigned.new_head, last_hash="0" * 64)
    ),
    "of another new log": lambda case: case.signed(new_ledger="f" * 32),
    "of another old log": lambda case: case.signed(old_ledger="f" * 32),
    "made before the old head": lambda case: case.signed(made_at=NEXT_DAY - timedelta(days=9)),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_a_statement_that_does_not_fit_ends_nothing(
    restored: Restored, make: Callable[[Restored], LogEnding]
) -> None:
    assert restored.verify(make(restored)).is_contradicted
    code, summary = restored.verify_alone(make(restored))
    assert (code, summary["contradicted"]) == (15, True)


def test_a_head_of_the_old_log_that_was_signed_later_shows_that_it_went_on(restored: Restored) -> None:
    from tampering import signed

    late = signed(
        replace(restored.anchors[-1].checkpoint, made_at=WEEK_LATER + timedelta(days=1)),
        restored.ground.scene.key,
    )
    restored.anchors.append(Anchor(late, "late.json", is_outside=True))
    assert restored.verify(restored.signed()).is_contradicted


def test_a_statement_is_read_back_as_it_was_written(restored: Restored) -> None:
    ending = restored.signed()
    assert parse_ending(format_ending(ending), "a file") == ending
    assert ending.is_signed
    assert parse_ending(restored.ground.anchors[0].read_text(), "an anchor") is None
    with pytest.raises(InputError, match="no statement"):
        parse_ending('{"format":"becalm.ending.1"}', "a file")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- the verifier in an auditor's hands ---------------------------------------------------------------------


def test_it_reads_where_it_may_not_write(ground: FileGround, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    shutil.copytree(ground.honest, folder)
    folder.chmod(0o500)
    try:
        code, summary = alone(ground, folder / "ledger.sqlite", *with_anchors(list(ground.anchors)))
        assert (code, names(folder)) == (0, names(ground.honest))
        assert "It holds." in str(summary["text"])
    finally:
        folder.chmod(0o700)


def test_it_reads_a_copy_that_was_taken_while_a_program_had_the_file_open(
    ground: FileGround, tmp_path: Path
) -> None:
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=lambda: NEXT_DAY, draw_salt=draw_salt)
    ledger.append(plain(visit(at=NEXT_DAY)))
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in tmp_path.glob("ledger.*"):
        shutil.copy(path, folder)
    ledger.append(plain(visit(at=NEXT_DAY)))
    code, summary = alone(ground, folder / "ledger.sqlite")
    ledger.close()
    assert (code, "1 entries" in str(summary["text"])) == (0, True)


def test_it_says_what_it_was_not_shown(ground: FileGround, tmp_path: Path) -> None:
    shutil.copytree(ground.honest, tmp_path / "copy")
    (tmp_path / "copy" / "ledger.head").unlink()
    code, summary = alone(ground, tmp_path / "copy" / "ledger.sqlite")
    assert (code, "1 to 0" in str(summary["text"])) == (0, False)
    assert "ledger.head is not beside the ledger" in str(summary["text"])
    assert "No head that was kept outside was compared" in str(summary["text"])


def test_rubbish_in_a_shared_folder_is_set_aside_and_named(ground: FileGround) -> None:
    points = [parse_anchor(path.read_text(), str(path)) for path in ground.anchors]
    genuine = [Anchor(point, "kept", is_outside=True) for point in points]
    rubbish = replace(points[0], head=replace(points[0].head, root="0" * 64))
    ledger = open_sqlite(ground.honest / "ledger.sqlite", now=lambda: NEXT_DAY, draw_salt=draw_salt)
    kept = [Anchor(point, "the ledger", is_outside=False) for point in ledger.checkpoints()]
    for is_shared, holds in ((True, True), (False, False)):
        anchors = [*kept, *genuine, Anchor(rubbish, "shared/x.json", is_outside=True, is_shared=is_shared)]
        verdict = verify_ledger(LedgerCopy(ledger.identity, ledger.rows, anchors))
        assert (verdict.holds, verdict.is_contradicted) == (holds, False)
        assert any("shared/x.json" in words for words in (*verdict.notes, *map(str, verdict.findings)))
    ledger.close()


def test_a_statement_beside_the_ledger_ends_no_head_that_is_outside(restored: Restored) -> None:
    kept = [Anchor(point, "the ledger", is_outside=False) for point in restored.ledger.checkpoints()]
    identity, rows = restored.ledger.identities[0], restored.ledger.rows
    endings = (restored.signed(),)
    inside = [replace(anchor, is_outside=False) for anchor in restored.anchors]
    copy = LedgerCopy(identity, rows, [*kept, *restored.anchors], inside_endings=endings)
    assert verify_ledger(copy).is_contradicted
    assert verify_ledger(LedgerCopy(identity, rows, [*kept, *inside], inside_endings=endings)).holds


def test_it_says_that_enciphered_details_were_not_read(ground: FileGround, tmp_path: Path) -> None:
    key = draw_salt()
    ledger = open_sqlite(
        tmp_path / "ledger.sqlite", now=lambda: NEXT_DAY, draw_salt=draw_salt, payload_key=lambda _: key
    )
    ledger.append([EventToAppend(visit(at=NEXT_DAY), b"a name")])
    ledger.close()
    code, summary = alone(ground, tmp_path / "ledger.sqlite")
    assert (code, "details are enciphered" in str(summary["text"])) == (0, True)
