"""Could two records be one person? Names are compared by consonants, where a birth date is known.

Who it is decides nobody here: two people do. What is missing is not equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, groupby

from becalm.terms import name_skeleton


def match_word(name: str, born_on: str) -> str:
    """What two records of one person have in common; empty where there is too little to say.

    >>> match_word("Ada Ashgrove", "1990-01-02"), match_word("Aada ASHGROVE", "1990-01-02")
    ('1990-01-02 d shgrv', '1990-01-02 d shgrv')
    >>> match_word("Ada Ashgrove", "")
    ''
    """
    words = sorted(filter(None, map(_consonants, name.split())))
    return f"{born_on} {' '.join(words)}" if born_on and words else ""


def _consonants(word: str) -> str:
    letters = [letter for letter in name_skeleton(word) if letter not in "aeiouy"]
    return "".join(letter for letter, _ in groupby(letters))


def find_pairs(
    keyed_word_by_person: Mapping[str, str], settled_pairs: Iterable[frozenset[str]]
) -> list[tuple[str, str]]:
    """Pairs that share a match word, and about which nobody has decided yet."""
    people_by_word: defaultdict[str, list[str]] = defaultdict(list)
    for person, word in keyed_word_by_person.items():
        if word:
            people_by_word[word].append(person)
    settled_pair_set = set(settled_pairs)
    return sorted(
        pair
        for people in people_by_word.values()
        for pair in combinations(sorted(people), 2)
        if frozenset(pair) not in settled_pair_set
    )


def settle_pairs(stages: Sequence[tuple[str, str, str, str]]) -> dict[frozenset[str], str]:
    """What was decided last about each pair, from (kind, stage, person, other) in the order of the record."""
    return {
        frozenset((person, other_person)): kind
        for kind, stage, person, other_person in stages
        if stage == "confirmed"
    }
