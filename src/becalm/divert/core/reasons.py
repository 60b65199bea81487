"""Reasons: codes that the rule knows, and a sentence about this very person that is nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final

from becalm.divert.core.rule import Rule
from becalm.terms import CaseError, Fault, name_skeleton, suggest_word

LEAST_WORDS: Final = 6
MOST_ALIKE: Final = 0.9
_PSEUDONYM = re.compile(r"\bP-[0-9a-f]+\b")


def find_reason_faults(
    rule: Rule, decision: str, codes: Sequence[str], sentence: str, other_sentences: Iterable[str]
) -> list[Fault]:
    """What is wrong with the reasons of a decision: all faults."""
    allowed_codes = rule.codes(decision)
    faults = [
        Fault("code", f"{code!r} is no reason why somebody is {decision}", suggest_word(code, allowed_codes))
        for code in codes
        if code not in allowed_codes
    ]
    if not codes:
        faults.append(Fault("code", "is missing", f"give one or more of {', '.join(allowed_codes)}"))
    if len(sentence.split()) < LEAST_WORDS:
        problem = f"has fewer than {LEAST_WORDS} words"
        faults.append(Fault("sentence", problem, "say in your own words why this person, now"))
    elif (share := greatest_likeness(sentence, other_sentences)) >= MOST_ALIKE:
        problem = f"is {share:.0%} like one that was given before"
        faults.append(Fault("sentence", problem, "write what is true of this person and of nobody else"))
    return faults


def greatest_likeness(sentence: str, other_sentences: Iterable[str]) -> float:
    """How like is a sentence to the most similar of others? Pseudonyms, case and signs make no difference.

    >>> greatest_likeness("He asked for work twice.", ["he asked for WORK, twice"])
    1.0
    """
    plain = plain_letters(sentence)
    matcher = SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(plain)
    greatest = 0.0
    for other_sentence in other_sentences:
        matcher.set_seq1(plain_letters(other_sentence))
        if matcher.real_quick_ratio() > greatest and matcher.quick_ratio() > greatest:
            greatest = max(greatest, matcher.ratio())
    return greatest


def plain_letters(sentence: str) -> str:
    """A sentence without pseudonyms, case, accents, signs, and letters that only look like others."""
    return name_skeleton(_PSEUDONYM.sub("", sentence))


def check_reasons(
    rule: Rule, decision: str, codes: Sequence[str], sentence: str, other_sentences: Iterable[str]
) -> None:
    """Raise CaseError with everything that is wrong with the reasons of a decision."""
    if faults := find_reason_faults(rule, decision, codes, sentence, other_sentences):
        raise CaseError("The reasons will not do; nothing was recorded", tuple(faults))
