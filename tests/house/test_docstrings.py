"""What is public says what it is for."""

from __future__ import annotations

import ast
import re

from house import Source, public_functions, read_source

POLICE_WORDS = ("crime", "offence", "police", "hotspot", "robber", "burglar", "victim", "patrol", "officer")


def test_every_file_says_what_it_is_for(sources: tuple[Source, ...]) -> None:
    assert [s.path for s in sources if not ast.get_docstring(s.tree)] == []


def silent_functions(source: Source) -> list[str]:
    return [f"{source.path}::{node.name}" for node in public_functions(source) if not ast.get_docstring(node)]


def test_every_public_function_says_what_it_answers(sources: tuple[Source, ...]) -> None:
    assert [place for source in sources for place in silent_functions(source)] == []


def own_words(source: Source) -> str:
    """The text of a file without what stands in quotation marks: the titles of the papers it cites."""
    return re.sub(r'(?<!")"[^"]+"(?!")', "", source.text).lower()


def police_words(source: Source) -> list[str]:
    return [word for word in POLICE_WORDS if word in own_words(source)]


def test_a_method_knows_nothing_of_policing(sources: tuple[Source, ...]) -> None:
    methods = [source for source in sources if source.room == "methods"]
    assert [f"{source.path}: {word}" for source in methods for word in police_words(source)] == []


def test_planted_silence_and_planted_police_words_are_found() -> None:
    silent = read_source("becalm/methods/silent.py", "def rate(): ...\nclass Rate:\n    def of(self): ...\n")
    assert silent_functions(silent) == ["becalm/methods/silent.py::rate", "becalm/methods/silent.py::of"]
    text = '"""Rates of crime, after B. Author, "Robbery and its places" (1999)."""\n'
    assert police_words(read_source("becalm/methods/knowing.py", text)) == ["crime"]
