"""An entry is bound to all that came before it, and only one text stands for it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from becalm.ledger import Entry, Event
from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.chain import (
    draft_event,
    entry_row,
    hash_row,
    opening_hash,
    payload_commitment,
    read_entry,
)
from becalm.ledger.store.new_entries import link_events
from becalm.terms import EventError, TamperError

NOON = datetime(2020, 4, 7, 12, tzinfo=UTC)


def an_entry(**changes: object) -> Entry:
    facts = {"unit": "VSU 3", "place_m": (1, 2)}
    noon = NOON.astimezone(timezone(timedelta(hours=1)))  # the same instant by another clock
    event = Event(
        "arrest_made",
        1,
        noon,
        "PC 101",
        "officer",
        "arrest log",
        facts,
        corrects=changes.pop("corrects", None),
    )
    given: Any = {"seq": 1, "recorded_at": NOON, "commitment": "", "previous": opening_hash("abc"), **changes}
    drafts = [(draft_event(event), given["commitment"])]
    (sealed,) = link_events(given["seq"] - 1, given["previous"], drafts, given["recorded_at"])
    return sealed.entry


@pytest.mark.parametrize("corrects", [None, 7])
def test_the_hash_is_that_of_the_stored_row_with_a_tag_before_it(corrects: int | None) -> None:
    entry = an_entry(corrects=corrects)
    row = [
        "becalm.entry.1", 1, "2020-04-07T12:00:00.000000Z", "2020-04-07T12:00:00.000000Z", "arrest_made", 1,
        "PC 101", "officer", "arrest log", "", "", '{"place_m":[1,2],"unit":"VSU 3"}', corrects, "",
        hashlib.sha256(b'["becalm.ledger.1","abc"]').hexdigest(),
    ]  # fmt: skip
    by_hand = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    assert entry.hash == hash_row(entry_row(entry)) == hashlib.sha256(by_hand.encode()).hexdigest()


def test_an_entry_survives_its_row() -> None:
    entry = an_entry()
    assert read_entry(entry_row(entry)) == entry


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"recorded_at": NOON.replace(hour=13)},
        {"commitment": "00"},
        {"previous": opening_hash("b")},
    ],
)
def test_whatever_differs_in_an_entry_its_hash_differs(change: dict[str, object]) -> None:
    assert an_entry(**change).hash != an_entry().hash


def test_what_moves_from_one_column_to_the_next_moves_the_hash() -> None:
    row = entry_row(an_entry())
    assert hash_row((*row[:5], "PC", " 101officer", *row[7:])) != hash_row(
        (*row[:5], "PC 101", "officer", *row[7:])
    )


def test_a_row_that_no_ledger_wrote_is_refused_when_it_is_read() -> None:
    row = entry_row(an_entry())
    for facts in ("[]", "{", '{"a":1.5}', '{"a":{"b":1}}', '{"a":[{}]}'):
        with pytest.raises(TamperError, match="Entry 1 cannot be read"):
            read_entry((*row[:10], facts, *row[11:]))
    for instant in ("2020-04-07T12:00:00.000000+00:00", "2020-04-07T13:00:00+01:00", "2020-04-07T12:00:00"):
        for times in ((instant, row[2]), (row[1], instant)):
            with pytest.raises(TamperError, match=r"Entry 1 .* is no instant in UTC"):
                read_entry((row[0], *times, *row[3:]))


def test_a_commitment_hides_what_it_promises_behind_a_salt() -> None:
    assert payload_commitment(b"a" * 32, b"name") != payload_commitment(b"b" * 32, b"name")
    with pytest.raises(EventError, match="32 bytes"):
        payload_commitment(b"", b"name")


def test_canonical_text_has_one_order_and_no_decimals() -> None:
    assert canonical_json({"b": 1, "a": ["\x00", "\u20ac", '"']}) == '{"a":["\\u0000","€","\\""],"b":1}'
    assert list(json.loads(canonical_json({"\ufb33": 1, "\U0001f600": 2}))) == ["\U0001f600", "\ufb33"]
    for value in (1.5, 2**53, b"x", {1: "a"}, "\ud800", {"\ud800": 1}):
        with pytest.raises(EventError):
            canonical_json(value)  # type: ignore[arg-type] # refused on purpose
