"""What is public says what it is for."""

from __future__ import annotations

import ast
import re

from house import Source, public_functions

POLICE_WORDS = ("crime", "offence", "police", "hotspot", "robber", "burglar", "victim", "patrol", "officer")


def test_every_file_says_what_it_is_for(sources: tuple[Source, ...]) -> None:
    assert [s.path for s in sources if not ast.get_docstring(s.tree)] == []


def test_every_public_function_says_what_it_answers(sources: tuple[Source, ...]) -> None:
    silent = [
        f"{source.path}::{node.name}"
        for source in sources
        for node in public_functions(source)
        if not ast.get_docstring(node)
    ]
    assert silent == []


def own_words(source: Source) -> str:
    """The text of a file without what stands in quotation marks: the titles of the papers it cites."""
    return re.sub(r'(?<!")"[^"]+"(?!")', "", source.text).lower()


def test_a_method_knows_nothing_of_policing(sources: tuple[Source, ...]) -> None:
    knowing = [
        f"{source.path}: {word}"
        for source in sources
        if source.room == "methods"
        for word in POLICE_WORDS
        if word in own_words(source)
    ]
    assert knowing == []
