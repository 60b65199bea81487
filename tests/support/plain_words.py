"""How hard a text is to read, and the turns of speech that becalm does not use.

`reading_age` is the Flesch-Kincaid grade plus five: the age at which a pupil of that grade reads it without
effort. `banned_turns` finds the archaic or riddling turns of the list below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

BANNED_TURNS = {
    r"foret(?:ell|ells|elling|old)": "predict",
    r"(?:can|could|cannot|can't) (?:not |hardly )?be told(?! apart)": "unclear",
    r"(?:can|could|cannot|can't) (?:not )?be told apart": "cannot be distinguished; tied",
    r"that nobody chose": "drawn at random",
    r"what gives": "what must be cut",
    r"the law itself": "expected visits",
    r"thrown evenly": "spread at random",
    r"held against": "compared with",
    r"of which nobody": "say it directly",
    r"whither|thither|hither|thence|henceforth|lest|ere|albeit|nought|wherein|thereof|hereby": "a usual word",
    r"seldom": "rarely",
    r"anew": "again",
    r"likelier|likeliest": "more likely, most likely",
    r"mend(?:s|ed|ing)?": "fix, repair, correct",
    r"sought": "looked for, searched for",
    r"reckon(?:s|ed|ing)?": "calculate, count",
    r"as the crow flies": "in a straight line",
    r"round about it": "around it",
    r"slip of the pen": "typing mistake",
    r"give alike|gives alike": "are cut by the same share",
    r"nothing to boast of": "small",
    r"by chance alone, as many": "if spread at random",
    r"who(?:ever)? means harm": "an attacker",
    r"in silence": "without saying so",
    r"to the byte": "byte for byte",
    r"for ever": "permanently",
    r"let go(?: of)?": "released",
    r"laid (?:where|when|anew|on|out|without|off|down|boxes)": "placed",
    r"(?:is|are|was|were|be) laid": "placed",
    r"bears? out": "confirms",
    r"at (?:its|their) word": "as stated",
    r"so (?:many|much) (?:degrees|metres|places|days|minutes)": "say 'this many' or name the number",
}
"""Each turn (a regular expression over whole words) and what to write instead."""

_BANNED = {re.compile(rf"\b(?:{turn})\b", re.IGNORECASE): instead for turn, instead in BANNED_TURNS.items()}


def banned_turns(text: str) -> Iterator[str]:
    """Each banned turn in the text, with what to write instead."""
    flat = " ".join(text.split())
    for pattern, instead in _BANNED.items():
        for match in pattern.finditer(flat):
            around = flat[max(0, match.start() - 40) : match.end() + 40]
            yield f"{match[0]!r} in {around!r} -> {instead}"


def prose_of(markdown: str) -> str:
    """The sentences of a page: without code, tables, headings, pictures and the addresses of links."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^(?:#|\||<!--|!\[).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(
        r"^\s*(?:[-*]|\d+\.)\s+(.*?)(?=\n\s*(?:[-*]|\d+\.)\s|\n\n|\Z)", r"\1.", text, flags=re.M | re.S
    )
    text = re.sub(r"`[^`]*`", "code", text)
    return re.sub(r"[*_]", "", text)


def reading_age(markdown: str) -> float:
    """The Flesch-Kincaid grade of the prose of a page, plus five (Kincaid and others 1975)."""
    text = prose_of(markdown)
    sentences = [part for part in re.split(r"[.!?]+(?:\s|$)", text) if re.search(r"[a-z]", part)]
    words = re.findall(r"[A-Za-z][A-Za-z'-]*", text)
    if not words:
        return 0.0
    syllables = sum(count_syllables(word) for word in words)
    grade = 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59
    return grade + 5


def count_syllables(word: str) -> int:
    """Groups of vowels, without a silent e at the end.

    >>> [count_syllables(word) for word in ("place", "robbery", "hotspots", "table", "violence")]
    [1, 3, 2, 2, 3]
    """
    plain = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", plain))
    if plain.endswith("e") and not plain.endswith(("le", "ee", "ie")) and groups > 1:
        groups -= 1
    if (
        plain.endswith(("ed", "es"))
        and groups > 1
        and not plain.endswith(("ted", "ded", "ses", "zes", "ces", "ges", "ches", "shes"))
    ):
        groups -= 1
    return max(groups + len(re.findall(r"[ei]o[lu]|io(?=l)", plain)), 1)
