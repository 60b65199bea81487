"""What every ledger does, whichever database keeps it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from ledgers import NOON, SetClock, access, arrest, erasure, plain, require_chained, visit

from becalm.app.events import FOLDS
from becalm.ledger import Checkpoint, Event, EventToAppend, Fold, Head, Ledger, fold_entries, opening_hash
from becalm.terms import EventError, LedgerError

MakeLedger = Callable[..., Ledger]
EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def ledger(make_ledger: MakeLedger) -> Ledger:
    return make_ledger()


def test_a_new_ledger_is_empty_and_has_an_identity_that_stays(make_ledger: MakeLedger) -> None:
    first = make_ledger()
    assert first.head() == Head(0, EMPTY_ROOT, opening_hash(first.identity))
    assert (list(first.entries()), list(first.rows()), first.checkpoints()) == ([], [], ())
    assert len(first.identity) == 32
    assert make_ledger().identity == first.identity


def test_events_stand_in_the_order_in_which_they_were_appended(ledger: Ledger) -> None:
    events = [visit(f"p{n}") for n in range(5)]
    first, rest = ledger.append(plain(*events[:1])), ledger.append(plain(*events[1:]))
    assert [entry.seq for entry in first + rest] == [1, 2, 3, 4, 5]
    assert [entry.event for entry in ledger.entries()] == events
    assert tuple(ledger.entries()) == first + rest


def test_the_head_is_what_the_entries_make_it(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    for count in (1, 2, 3, 5, 8):
        ledger.append(plain(*[visit()] * count))
        assert ledger.head() == require_chained(ledger)
    assert make_ledger().head() == ledger.head()


def test_an_event_comes_back_exactly_as_it_went_in(ledger: Ledger) -> None:
    event = Event(
        "checkpoint_made",
        1,
        NOON - timedelta(microseconds=1),
        "Zoë 'O’Neill'; --",
        'r"ole',
        "a\\b",
        {"size": 0, "root": "0" * 64, "anchors": ("überseer", ""), "key": "f" * 64},
        programme="päd",
    )
    (entry,) = ledger.append(plain(event))
    assert entry.event == event
    assert next(iter(ledger.entries())) == entry


def test_nothing_appended_is_nothing_written(ledger: Ledger) -> None:
    assert ledger.append([]) == ()
    assert ledger.head().size == 0


def test_entries_are_asked_for_by_number_kind_and_person(ledger: Ledger) -> None:
    ledger.append(plain(visit("p1"), arrest(), visit("p2"), access("p1"), visit("p1")))

    def seqs(**asked: object) -> list[int]:
        return [entry.seq for entry in ledger.entries(**asked)]  # type: ignore[arg-type] # any question

    assert seqs(after=1, until=4) == [2, 3, 4]
    assert seqs(kinds=["visit_made"]) == [1, 3, 5]
    assert seqs(kinds=["visit_made", "arrest_made"], after=1) == [2, 3, 5]
    assert seqs(subject="p1") == [1, 4, 5]
    assert seqs(subject="p1", kinds=["visit_made"], until=4) == [1]
    assert seqs(after=5) == seqs(kinds=["seizure_made"]) == seqs(subject="p9") == []


def test_a_reader_sees_the_entries_that_stood_when_it_began(ledger: Ledger) -> None:
    ledger.append(plain(visit(), visit()))
    reader = ledger.entries()
    first = next(reader)
    ledger.append(plain(visit()))
    assert [first.seq, *(entry.seq for entry in reader)] == [1, 2]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event("visit_maid", 1, NOON, "a", "r", "visit"), "did you mean 'visit_made'"),
        (Event("visit_made", 9, NOON, "a", "r", "visit", subject="p"), "9 is unknown"),
        (visit(at=NOON + timedelta(hours=1)), "in the future"),
    ],
)
def test_an_unfit_event_is_refused_and_those_beside_it_are_not_written(
    ledger: Ledger, event: Event, words: str
) -> None:
    with pytest.raises(EventError, match=words):
        ledger.append(plain(visit(), event, visit()))
    assert (ledger.head().size, ledger.state_rows("visit")) == (0, ())


def test_a_clock_that_was_set_back_is_refused_and_a_hair_is_forgiven(ledger: Ledger, clock: SetClock) -> None:
    (entry,) = ledger.append(plain(visit()))
    clock.instant = entry.recorded_at - timedelta(seconds=4)
    (second,) = ledger.append(plain(visit(at=NOON - timedelta(hours=2))))
    assert second.recorded_at == entry.recorded_at
    clock.instant = entry.recorded_at - timedelta(hours=1)
    with pytest.raises(LedgerError, match="set back"):
        ledger.append(plain(visit(at=NOON - timedelta(hours=2))))
    assert ledger.head().size == 2
    clock.instant = entry.recorded_at
    assert ledger.append(plain(visit()))[0].seq == 3


def test_times_of_recording_never_run_backwards(ledger: Ledger, clock: SetClock) -> None:
    for drift in (0, -3, 2, -4, 1):
        clock.instant += timedelta(seconds=drift)
        ledger.append(plain(visit(at=NOON - timedelta(days=1))))
    times = [entry.recorded_at for entry in ledger.entries()]
    assert times == sorted(times)


def test_a_payload_is_read_back_and_the_reading_is_on_record(ledger: Ledger) -> None:
    (entry, bare) = ledger.append(
        [EventToAppend(visit("p1"), b"Ann Example, 12 High Street"), EventToAppend(visit("p2"))]
    )
    assert (len(entry.commitment), bare.commitment) == (64, "")
    assert ledger.payload(1, access=access("p1")) == b"Ann Example, 12 High Street"
    assert [e.event.kind for e in ledger.entries(after=2)] == ["record_accessed"]


def test_an_empty_payload_is_a_payload(ledger: Ledger) -> None:
    (entry,) = ledger.append([EventToAppend(visit("p1"), b"")])
    assert entry.commitment
    assert ledger.payload(1, access=access("p1")) == b""


def test_the_same_payload_twice_shows_no_likeness(ledger: Ledger) -> None:
    one, two = ledger.append([EventToAppend(visit("p1"), b"same"), EventToAppend(visit("p2"), b"same")])
    assert one.commitment != two.commitment


@pytest.mark.parametrize("seq", [2, 99])
def test_reading_what_never_was_is_refused(ledger: Ledger, seq: int) -> None:
    ledger.append([EventToAppend(visit("p1"), b"x"), EventToAppend(visit("p2"))])
    with pytest.raises(EventError, match="have no payload"):
        ledger.payload(seq, access=access("p1"))
    assert ledger.head().size == 2


def test_where_the_access_cannot_be_recorded_nothing_is_read(ledger: Ledger, clock: SetClock) -> None:
    (entry,) = ledger.append([EventToAppend(visit("p1"), b"secret")])
    with pytest.raises(EventError, match="purpose"):
        ledger.payload(1, access=Event("record_accessed", 1, NOON, "a", "r", "curiosity", {"what": "x"}))
    clock.instant = entry.recorded_at - timedelta(hours=1)
    with pytest.raises(LedgerError, match="set back"):
        ledger.payload(1, access=access("p1", NOON - timedelta(hours=2)))


def test_an_erased_payload_is_gone_and_the_chain_holds(ledger: Ledger) -> None:
    ledger.append([EventToAppend(visit(f"p{n}"), f"name {n}".encode()) for n in range(1, 6)])
    erased = ledger.erase([2, 4], erasure=erasure([2, 4]))
    assert (erased.seq, erased.event.facts["entries"]) == (6, (2, 4))
    seen = [ledger.payload(n, access=access(f"p{n}")) for n in range(1, 6)]
    assert seen == [b"name 1", None, b"name 3", None, b"name 5"]
    assert ledger.head() == require_chained(ledger)


def test_erasing_again_changes_nothing_but_is_on_record(ledger: Ledger) -> None:
    ledger.append([EventToAppend(visit("p1"), b"name")])
    assert [ledger.erase([1], erasure=erasure([1])).seq for _ in range(2)] == [2, 3]


@pytest.mark.parametrize("seqs", [[1, 2], [7]])
def test_an_erasure_of_what_never_was_erases_nothing(ledger: Ledger, seqs: list[int]) -> None:
    ledger.append([EventToAppend(visit("p1"), b"name"), EventToAppend(visit("p2"))])
    with pytest.raises(EventError, match="have no payload"):
        ledger.erase(seqs, erasure=erasure(seqs))
    assert ledger.payload(1, access=access("p1")) == b"name"


def test_an_erasure_names_exactly_what_it_erases(ledger: Ledger) -> None:
    ledger.append([EventToAppend(visit("p1"), b"name"), EventToAppend(visit("p2"), b"other")])
    with pytest.raises(EventError, match="names the entries"):
        ledger.erase([1, 2], erasure=erasure([1]))
    assert ledger.payload(2, access=access("p2")) == b"other"


def test_state_tables_are_what_the_entries_make_them(ledger: Ledger) -> None:
    ledger.append(plain(arrest(), visit("p1"), arrest("U2")))
    ledger.append(plain(arrest("U3", corrects=1), access("p1"), access("p1")))
    for fold in FOLDS:
        assert ledger.state_rows(fold.table) == tuple(fold_entries(fold, ledger.entries()).values())
    assert [row["unit"] for row in ledger.state_rows("arrest")] == ["U3", "U2"]
    assert ledger.state_rows("access")[0]["times"] == 2


def test_rebuilding_an_honest_ledger_changes_nothing(ledger: Ledger) -> None:
    ledger.append([EventToAppend(visit("p1"), b"x"), *plain(arrest(), access("p1"))])
    before = [ledger.state_rows(fold.table) for fold in FOLDS]
    assert ledger.rebuild() == ()
    assert [ledger.state_rows(fold.table) for fold in FOLDS] == before


def test_a_ledger_folded_by_another_version_is_folded_anew(make_ledger: MakeLedger) -> None:
    def counting(version: int, step: int) -> Fold:
        return Fold("count", version, ("visit_made",), lambda _: ("n",), lambda _k, row, _e: count(row, step))

    def count(row: object, step: int) -> dict[str, int]:
        return {"n": step + (int(str(row["n"])) if isinstance(row, dict) else 0)}

    make_ledger(folds=(counting(1, 1),)).append(plain(visit(), visit()))
    assert make_ledger(folds=(counting(1, 1),)).state_rows("count") == ({"n": 2},)
    assert make_ledger(folds=(counting(2, 10),)).state_rows("count") == ({"n": 20},)


def test_a_row_that_a_fold_removes_is_gone(make_ledger: MakeLedger) -> None:
    odd = Fold(
        "odd", 1, ("visit_made",), lambda _: ("n",), lambda _k, row, e: None if row else {"seq": e.seq}
    )
    ledger = make_ledger(folds=(odd,))
    shown = []
    for _ in range(3):
        ledger.append(plain(visit()))
        shown.append(ledger.state_rows("odd"))
    ledger.append(plain(visit(), visit()))
    assert [*shown, ledger.state_rows("odd")] == [({"seq": 1},), (), ({"seq": 3},), ({"seq": 5},)]


def test_checkpoints_are_kept_in_their_order(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    ledger.append(plain(visit()))
    made = [
        Checkpoint(ledger.identity, ledger.head(), NOON + timedelta(minutes=n), "k", "s") for n in range(3)
    ]
    for each in made:
        ledger.keep_checkpoint(each)
    assert make_ledger().checkpoints() == tuple(made)


def test_many_threads_write_one_dense_chain_with_all_that_was_acknowledged(make_ledger: MakeLedger) -> None:
    ledgers = [make_ledger(), make_ledger()]
    acknowledged: list[tuple[int, str]] = []

    def write(writer: int) -> None:
        for n in range(6):
            events = [visit(f"w{writer}-{n}-{i}") for i in range(1 + (writer + n) % 4)]
            written = ledgers[writer % 2].append(plain(*events))
            assert [entry.seq for entry in written] == list(
                range(written[0].seq, written[0].seq + len(written))
            )
            acknowledged.extend((entry.seq, entry.event.subject) for entry in written)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(acknowledged) == sum(1 + (w + n) % 4 for w in range(12) for n in range(6))
    assert sorted(acknowledged) == [(entry.seq, entry.event.subject) for entry in ledgers[0].entries()]
    assert ledgers[0].head() == require_chained(ledgers[1])
    assert ledgers[0].rebuild() == ()


def test_one_unfit_event_does_not_harm_those_that_others_write_meanwhile(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    refused: list[EventError] = []

    def write(writer: int) -> None:
        for _ in range(5):
            try:
                ledger.append([EventToAppend(visit("p1"), b"x" if writer % 2 else None)])
                if writer % 3 == 0:
                    ledger.payload(10_000, access=access())
            except EventError as error:
                refused.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ledger.head().size, len(refused)) == (45, 15)
    assert ledger.head() == require_chained(ledger)
