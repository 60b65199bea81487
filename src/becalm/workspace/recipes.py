"""Recipes are reviewed data in TOML: offence tables, harm weights, mappings. All faults come together."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from becalm.terms import Fault


class Strict(BaseModel):
    """A TOML table in which a misspelt key is a fault, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)
Source = Path | Traversable


def recipe_files(package: str, shipped: str, own_folder: Path | None = None) -> tuple[Source, ...]:
    """The TOML files of a folder shipped with `package`, after the user's own folder if there is one."""
    folders: list[Source] = [own_folder] if own_folder is not None and own_folder.is_dir() else []
    folders.append(files(package) / shipped)
    return tuple(f for folder in folders for f in _toml_files(folder))


def check_recipe(source: Source, model: type[Model]) -> tuple[Model | None, tuple[Fault, ...]]:
    """Read one TOML file; either the checked recipe or everything that is wrong with it."""
    try:
        return model.model_validate(tomllib.loads(source.read_text("utf-8"))), ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return None, (Fault(source.name, f"is not valid TOML: {error}", "correct that line"),)
    except OSError as error:
        return None, (Fault(source.name, f"cannot be read: {error.strerror}", "name a readable TOML file"),)
    except ValidationError as error:
        return None, tuple(_fault(source.name, e, model) for e in error.errors())


def suggest(word: str, known_words: Iterable[str]) -> str:
    """A remedy's first half: the nearest known word, or nothing."""
    by_folded = {k.casefold(): k for k in known_words}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.7)
    return f'did you mean "{by_folded[near[0]]}"? ' if near else ""


def suggest_remedy(word: str, known_words: Iterable[str], *, where: str) -> str:
    """What to do about a word that no offence table knows.

    >>> suggest_remedy("Robery", ["Robbery"], where="offences/police_uk.toml")
    'did you mean "Robbery"? otherwise add it to offences/police_uk.toml'
    >>> suggest_remedy("Witchcraft", ["Robbery"], where="offences/police_uk.toml")
    'add it to offences/police_uk.toml, or correct it'
    """
    near = suggest(word, known_words)
    return f"{near}otherwise add it to {where}" if near else f"add it to {where}, or correct it"


def _toml_files(folder: Source) -> list[Source]:
    entries: list[Source] = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    return sorted(entries, key=lambda f: f.name)


def _fault(file: str, error: ErrorDetails, model: type[Strict]) -> Fault:
    loc, kind, value = error["loc"], error["type"], error.get("input")
    where = f"{file}: {'.'.join(map(str, loc)) or 'the file'}"
    if kind == "missing":
        return Fault(where, "is missing", "add this entry")
    if kind == "extra_forbidden":
        near = suggest(str(loc[-1]), model.model_fields)
        return Fault(where, "is not a known entry", f"{near}correct or remove it")
    message = error["msg"].removeprefix("Value error, ")
    value_text = "" if isinstance(value, dict) else f"{value!r:.80}: "
    return Fault(where, f"{value_text}{message}", "correct this entry")
