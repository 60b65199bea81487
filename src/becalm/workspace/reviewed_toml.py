"""Reviewed data in TOML: offence tables, harm weights, mappings. All faults come together."""

import difflib
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from becalm.terms import Fault


class Strict(BaseModel):
    """A TOML table in which a misspelt key is a fault, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Strict)
Source = Path | Traversable
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def recipe_files(package: str, shipped: str, own_folder: Path | None = None) -> tuple[Source, ...]:
    """The TOML files of a folder shipped with `package`, after the user's own folder if there is one."""
    recipe_folders: list[Source] = [own_folder] if own_folder is not None and own_folder.is_dir() else []
    recipe_folders.append(files(package) / shipped)
    return tuple(
        recipe_file
        for folder in recipe_folders
        for recipe_file in sorted(folder.iterdir(), key=lambda file: file.name)
        if recipe_file.name.endswith(".toml")
    )


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
    word_by_folded = {k.casefold(): k for k in known_words}
    similar_words = difflib.get_close_matches(word.casefold(), word_by_folded, n=1, cutoff=0.7)
    return f'did you mean "{word_by_folded[similar_words[0]]}"? ' if similar_words else ""


def suggest_remedy(word: str, known_words: Iterable[str], *, where: str) -> str:
    """What to do about a word that no offence table knows.

    >>> suggest_remedy("Robery", ["Robbery"], where="offences/police_uk.toml")
    'did you mean "Robbery"? otherwise add it to offences/police_uk.toml'
    >>> suggest_remedy("Witchcraft", ["Robbery"], where="offences/police_uk.toml")
    'add it to offences/police_uk.toml, or correct it'
    """
    suggestion = suggest(word, known_words)
    return f"{suggestion}otherwise add it to {where}" if suggestion else f"add it to {where}, or correct it"


def _fields_around(entry_path: tuple[int | str, ...], recipe_model: type[Strict]) -> Iterable[str]:
    """The entries that the table of this path may hold; without such a table, those of the whole file."""
    model = recipe_model
    for part in entry_path[:-1]:
        field = model.model_fields.get(str(part))
        if (
            field is None
            or not isinstance(field.annotation, type)
            or not issubclass(field.annotation, Strict)
        ):
            return recipe_model.model_fields
        model = field.annotation
    return model.model_fields


def _fault(file_name: str, error: ErrorDetails, recipe_model: type[Strict]) -> Fault:
    entry_path, error_kind, entry_value = error["loc"], error["type"], error.get("input")
    fault_place = f"{file_name}: {'.'.join(map(str, entry_path)) or 'the file'}"
    if error_kind == "missing":
        return Fault(fault_place, "is missing", "add this entry")
    if error_kind in ("extra_forbidden", "unexpected_keyword_argument"):  # of a model, of a dataclass
        suggestion = suggest(str(entry_path[-1]), _fields_around(entry_path, recipe_model))
        return Fault(fault_place, "is not a known entry", f"{suggestion}correct or remove it")
    error_text = error["msg"].removeprefix("Value error, ")
    value_text = "" if isinstance(entry_value, dict) else f"{entry_value!r:.80}: "
    return Fault(fault_place, f"{value_text}{error_text}", "correct this entry")
