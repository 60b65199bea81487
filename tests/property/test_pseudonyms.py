"""A name never passes for a pseudonym, and everything of the form of a pseudonym does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from becalm.ledger.event_kinds import is_pseudonym

LETTERS = st.characters(categories=("L", "M"))
WORD = st.text(LETTERS, min_size=1, max_size=20)


@given(st.lists(WORD, min_size=1, max_size=4), st.sampled_from([" ", "-", "'", ".", "_"]))
def test_no_name_of_letters_alone_passes(words: list[str], join: str) -> None:
    name = join.join(words)
    assert is_pseudonym(name) == (name == "unnamed")


@given(WORD.filter(lambda word: len(word) > 3), st.integers(0, 2100))
def test_no_name_with_a_year_behind_it_passes(name: str, year: int) -> None:
    assert not is_pseudonym(f"{name} {year}")
    assert not is_pseudonym(f"{name[:3]}{name[3:]}{year}") or set(name[3:].lower()) <= set("abcdef")


@given(st.from_regex(r"[A-Za-z]{0,3}-?[0-9][0-9a-f]{0,30}", fullmatch=True))
def test_letters_and_a_number_pass(pseudonym: str) -> None:
    assert is_pseudonym(pseudonym)
