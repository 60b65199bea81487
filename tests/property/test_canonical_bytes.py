"""Two encoders write what is hashed, the standard one at an append, a quick one at a check: alike."""

from __future__ import annotations

import json
from json import JSONEncoder

import orjson
from hypothesis import given
from hypothesis import strategies as st

from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.chain_check import _are_canonical, _is_canonical
from becalm.terms import EventError

encode = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
SURROGATES = range(0xD800, 0xE000)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def test_every_character_is_written_alike() -> None:
    for first in range(0, 0x110000, 256):
        text = "".join(chr(code) for code in range(first, first + 256) if code not in SURROGATES)
        assert orjson.dumps([text]) == encode([text]).encode()


@given(st.integers(-(2**63), 2**63 - 1) | st.text() | st.none() | st.booleans())
def test_every_value_of_a_row_is_written_alike(value: object) -> None:
    try:
        expected = encode([value]).encode()
    except UnicodeEncodeError:  # half a character: the quick one refuses it too, and the row is looked at
        return
    assert orjson.dumps([value]) == expected


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), min_size=1, max_size=4))
def test_facts_that_pass_together_pass_one_by_one(facts: list[dict[str, object]]) -> None:
    texts = [json.dumps(each, ensure_ascii=False, separators=(",", ":"), sort_keys=True) for each in facts]
    if _are_canonical(texts):
        assert all(map(_is_canonical, texts))


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), min_size=1, max_size=4))
def test_what_a_ledger_writes_passes(facts: list[dict[str, object]]) -> None:
    try:
        texts = [canonical_json(each) for each in facts]  # type: ignore[arg-type] # refused where it is none
    except EventError:
        return
    assert all(map(_is_canonical, texts))
