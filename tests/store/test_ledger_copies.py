"""Copies of the SQLite ledger: made, put back, noticed, confirmed by two people, and made to forget."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ledgers import (
    NOON,
    SetClock,
    access,
    begun_log,
    draw_salt,
    erasure,
    go_on,
    key_named,
    open_sqlite,
    plain,
    require_chained,
    visit,
)

from becalm.ledger import (
    Checkpoint,
    EventToAppend,
    Head,
    KnownOutside,
    draw_key,
    ending_of,
    sign_ending,
)
from becalm.ledger.signed_heads import sign_checkpoint
from becalm.ledger.store.backup import Backup, back_up, read_backup, restore
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.terms import LedgerError

Open = Callable[..., SqliteLedger]


def list_backups(ledger: Path) -> tuple[Backup, ...]:
    """The copies that the register beside the ledger names, oldest first."""
    register = json.loads(ledger.with_suffix(".backups.json").read_text("utf-8"))
    return tuple(Backup(**fields) for fields in register["backups"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def opened(path: Path, clock: SetClock) -> Iterator[Open]:
    """Opens the ledger again, after closing it where it was open."""
    ledgers: list[SqliteLedger] = []

    def again(**options: object) -> SqliteLedger:
        for ledger in ledgers:
            ledger.close()
        ledgers.append(open_sqlite(path, now=clock, draw_salt=draw_salt, **options))  # type: ignore[arg-type]
        return ledgers[-1]

    yield again
    for ledger in ledgers:
        ledger.close()


def filled(ledger: SqliteLedger, count: int, *, name: str = "person") -> None:
    first = ledger.head().size
    ledger.append(
        [EventToAppend(visit(f"p{first + n}"), f"{name} {first + n}".encode()) for n in range(count)]
    )


def test_a_copy_holds_what_the_ledger_held(opened: Open, path: Path, tmp_path: Path) -> None:
    ledger = opened()
    filled(ledger, 10)
    made = back_up(path, tmp_path / "copies" / "one.sqlite", now=NOON)
    head = ledger.head()
    assert (made.ledger, made.size, made.root, made.last) == (ledger.identity, 10, head.root, head.last_hash)
    assert read_backup(tmp_path / "copies" / "one.sqlite") == made
    assert list_backups(path) == (made,)
    filled(ledger, 5)
    assert {file.name for file in (tmp_path / "copies").iterdir()} == {"one.sqlite", "one.sqlite.json"}


def test_a_copy_is_never_written_over(opened: Open, path: Path, tmp_path: Path) -> None:
    opened()
    back_up(path, tmp_path / "one.sqlite", now=NOON)
    with pytest.raises(LedgerError, match="exists already"):
        back_up(path, tmp_path / "one.sqlite", now=NOON)


def test_an_altered_copy_is_not_put_back(opened: Open, path: Path, tmp_path: Path) -> None:
    ledger = opened()
    filled(ledger, 3)
    copy = Path(back_up(path, tmp_path / "one.sqlite", now=NOON).path)
    ledger.close()
    copy.write_bytes(copy.read_bytes().replace(b"person 2", b"person 9"))
    with pytest.raises(LedgerError, match="altered"):
        restore(copy, path, now=NOON)
    assert opened().head().size == 3


def test_a_copy_of_another_ledger_is_not_put_back(opened: Open, path: Path, tmp_path: Path) -> None:
    opened().close()
    other = open_sqlite(tmp_path / "other.sqlite", now=SetClock(), draw_salt=draw_salt)
    other.close()
    copy = Path(back_up(tmp_path / "other.sqlite", tmp_path / "copy.sqlite", now=NOON).path)
    with pytest.raises(LedgerError, match="is a copy of ledger"):
        restore(copy, path, now=NOON)


def test_nothing_is_put_back_under_somebody_who_has_it_open(opened: Open, path: Path, tmp_path: Path) -> None:
    ledger = opened()
    filled(ledger, 3)
    copy = Path(back_up(path, tmp_path / "one.sqlite", now=NOON).path)
    filled(ledger, 3)
    with pytest.raises(LedgerError, match="open"):
        restore(copy, path, now=NOON)
    filled(ledger, 1)
    assert opened().head().size == 7


@pytest.fixture
def older(opened: Open, path: Path, tmp_path: Path) -> tuple[Backup, Head]:
    """The ledger of 12 entries was replaced by a copy of 8; the head that it had."""
    ledger = opened()
    filled(ledger, 8)
    made = back_up(path, tmp_path / "one.sqlite", now=NOON)
    filled(ledger, 4)
    head = ledger.head()
    ledger.close()
    restore(Path(made.path), path, now=NOON)
    return made, head


def test_an_older_copy_is_read_but_not_written(opened: Open, older: tuple[Backup, Head]) -> None:
    ledger = opened()
    assert [head.size for head in ledger.lost_heads()] == [12]
    assert len(list(ledger.entries())) == 8
    for write in (
        lambda: ledger.append(plain(visit())),
        lambda: ledger.payload(1, access=access("p0")),
        lambda: ledger.erase([1], erasure=erasure([1])),
    ):
        with pytest.raises(LedgerError, match="older copy"):
            write()
    assert opened().head().size == 8


def test_two_people_begin_a_new_log_on_an_older_copy_and_it_is_written_again(
    opened: Open, older: tuple[Backup, Head]
) -> None:
    ledger = opened()
    old_log = ledger.identity
    ending = go_on(ledger)
    assert (ending.old_ledger, ending.old_head.size, ending.new_head.size) == (old_log, 8, 9)
    assert (ledger.identity, ledger.identities) == (ending.new_ledger, (old_log, ending.new_ledger))
    filled(ledger, 1)
    assert (opened().lost_heads(), opened().head().size) == ((), 10)
    assert opened().head() == require_chained(opened())


def test_a_new_log_is_not_written_before_a_statement_ends_the_old_one(
    opened: Open, older: tuple[Backup, Head]
) -> None:
    ledger = opened()
    (begun,) = ledger.append(plain(begun_log(ledger)))
    for again in (ledger, opened()):
        assert again.unended_log() == begun
        with pytest.raises(LedgerError, match="no signed statement"):
            again.append(plain(visit()))
    unsigned = ending_of(begun, new_head=again.head(), lost_size=12, made_at=NOON)
    for wrong in (unsigned, replace(sign_ending(unsigned, draw_key()), lost_size=8)):
        with pytest.raises(LedgerError, match="does not end the log"):
            again.keep_ending(wrong)
    again.keep_ending(sign_ending(unsigned, draw_key()))
    assert opened().append(plain(visit()))[0].seq == 10


def test_a_new_log_begins_behind_the_head_that_stands_and_nowhere_else(
    opened: Open, older: tuple[Backup, Head]
) -> None:
    ledger = opened()
    right = begun_log(ledger)
    other_facts = (
        {"old_size": 7},
        {"old_root": "0" * 64},
        {"old_ledger": "0" * 32},
        {"new_ledger": ledger.identity},
        {"lost_size": 8},
    )
    for facts in other_facts:
        with pytest.raises(LedgerError, match="nothing was written"):
            ledger.append(plain(replace(right, facts={**right.facts, **facts})))
    assert ledger.head().size == 8


@pytest.mark.parametrize("second", ["sergeant", "Sergeant ", " ", "sergeant.", "\u0455erg\u0435ant"])
def test_one_person_cannot_confirm_alone(opened: Open, older: tuple[Backup, Head], second: str) -> None:
    ledger = opened()
    with pytest.raises(LedgerError, match="older copy"):
        ledger.append(plain(begun_log(ledger, second=second)))


def test_a_confirmation_serves_for_one_loss_only(
    opened: Open, path: Path, older: tuple[Backup, Head]
) -> None:
    ledger = opened()
    go_on(ledger)
    filled(ledger, 2)
    ledger.close()
    restore(Path(older[0].path), path, now=NOON.replace(hour=13))
    again = opened()
    assert [head.size for head in again.lost_heads()] == [11]
    with pytest.raises(LedgerError, match="older copy"):
        again.append(plain(visit()))


def test_what_was_replaced_is_kept_beside(opened: Open, path: Path, older: tuple[Backup, Head]) -> None:
    kept = list_backups(path)[-1]
    assert (kept.size, kept.last) == (12, older[1].last_hash)
    restore(Path(kept.path), path, now=NOON.replace(hour=14))
    assert (opened().lost_heads(), opened().head()) == ((), older[1])


def test_a_file_that_was_copied_back_by_hand_is_noticed(opened: Open, path: Path, tmp_path: Path) -> None:
    ledger = opened()
    filled(ledger, 3)
    ledger.close()
    shutil.copy(path, tmp_path / "by-hand.sqlite")
    ledger = opened()
    filled(ledger, 2)
    ledger.close()
    shutil.copy(tmp_path / "by-hand.sqlite", path)
    with pytest.raises(LedgerError, match="does not hold entry 5"):
        opened().append(plain(visit()))


def test_where_the_memo_was_put_back_too_a_head_kept_elsewhere_tells(opened: Open, path: Path) -> None:
    key, ledger = draw_key(), opened()
    filled(ledger, 2)
    ledger.append(plain(key_named(key)))
    ledger.close()
    before = {file: file.read_bytes() for file in path.parent.glob("ledger.*")}
    ledger = opened()
    filled(ledger, 2)
    unsigned = Checkpoint(ledger.identity, ledger.head(), NOON, key.id, "", key.public_key)
    anchor = sign_checkpoint(unsigned, key)
    ledger.close()
    for file, content in before.items():
        file.write_bytes(content)
    assert opened().lost_heads() == ()
    with pytest.raises(LedgerError, match="older copy"):
        opened(outside=KnownOutside((anchor,))).append(plain(visit()))
    unsigned_head = replace(anchor, signature="00" * 64)  # as anybody may put into a shared folder
    stranger = draw_key()
    foreign = sign_checkpoint(anchor, stranger)
    assert opened(outside=KnownOutside((unsigned_head, foreign))).append(plain(visit()))[0].seq == 4


def test_a_ledger_whose_memo_is_gone_needs_two_people(opened: Open, path: Path) -> None:
    filled(opened(), 3)
    path.with_suffix(".head").unlink()
    ledger = opened()
    with pytest.raises(LedgerError, match="older copy"):
        ledger.append(plain(visit()))
    go_on(ledger)
    assert opened().append(plain(visit()))[0].seq == 5


def test_a_file_that_was_moved_away_while_open_is_not_written(opened: Open, path: Path) -> None:
    ledger = opened()
    filled(ledger, 2)
    path.rename(path.with_name("moved.sqlite"))
    with pytest.raises(LedgerError, match="moved away or replaced"):
        ledger.append(plain(visit()))


def traces(folder: Path, words: list[bytes]) -> list[str]:
    """Where below this folder does one of these words still stand?"""
    files = [file for file in folder.rglob("*") if file.is_file()]
    held = {file: file.read_bytes() for file in files}
    return [f"{file.name}: {word!r}" for file, content in held.items() for word in words if word in content]


def test_after_a_thousand_erasures_the_strings_are_nowhere_and_the_chain_holds(
    opened: Open, path: Path, tmp_path: Path, clock: SetClock
) -> None:
    ledger = opened()
    names = [f"Zebedee Quill-{n:04d} {'of Nowhere Lane ' * (n % 40)}" for n in range(1_500)]
    for start in range(0, 1_500, 50):
        ledger.append([EventToAppend(visit(f"p{start + n}"), names[start + n].encode()) for n in range(50)])
        if start in (500, 1_200):
            back_up(path, tmp_path / "copies" / f"{start}.sqlite", now=clock())
    words = [f"Quill-{n:04d}".encode() for n in range(1_500)]
    assert len(traces(tmp_path, words[:5])) >= 15
    gone = [n for n in range(1_500) if n % 3]
    for n in range(0, 1_000, 20):
        seqs = [each + 1 for each in gone[n : n + 20]]
        ledger.erase(seqs, erasure=erasure(seqs))
    assert traces(tmp_path, [words[n] for n in gone]) == []
    assert ledger.payload(1, access=access("p0")) == names[0].encode()
    assert ledger.head() == require_chained(ledger)
    assert ledger.rebuild() == ()
    for made in list_backups(path):
        assert read_backup(Path(made.path)) == made


def test_an_old_copy_that_was_out_of_reach_forgets_when_it_is_put_back(
    opened: Open, path: Path, tmp_path: Path
) -> None:
    ledger = opened()
    filled(ledger, 6, name="Quillfeather")
    made = Path(back_up(path, tmp_path / "near" / "one.sqlite", now=NOON).path)
    away = tmp_path.parent / f"{tmp_path.name}-away"
    shutil.move(made.parent, away)
    ledger.erase([2, 3], erasure=erasure([2, 3]))
    ledger.close()
    restore(away / "one.sqlite", path, now=NOON)
    assert traces(tmp_path, [b"Quillfeather 1", b"Quillfeather 2"]) == []  # before anybody opens it
    again = opened()
    go_on(again)
    assert again.payload(2, access=access("p1")) is None
    assert again.payload(1, access=access("p0")) == b"Quillfeather 0"
