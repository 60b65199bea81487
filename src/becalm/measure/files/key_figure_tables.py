"""The key figures as reviewed data: the workspace's own key_figures.toml, else the shipped table."""

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from becalm.formats.durable_files import sha256_of_text
from becalm.measure.core.key_figures import KeyFigure, KeyFigureTable
from becalm.terms import InputError
from becalm.workspace.reviewed_toml import Key, Source, Strict, check_recipe

OWN_FILE: Final = "key_figures.toml"


class FigureEntry(Strict):
    """One [[figures]] entry; what it does not name is not asked of an offence."""

    key: Key
    label: str = Field(min_length=1)
    offence_groups: tuple[str, ...] = ()
    take_first_group: bool = False
    weapons: tuple[str, ...] = ()
    injured: bool | None = None
    victim_under: int | None = Field(default=None, ge=1)
    published_groups: tuple[str, ...] = ()


class FigureFile(Strict):
    """A whole table of key figures."""

    key: Key
    version: str
    author: str
    reviewed_on: date
    origin: str
    figures: tuple[FigureEntry, ...]

    @field_validator("figures")
    @classmethod
    def _check_figures(cls, figures: tuple[FigureEntry, ...]) -> tuple[FigureEntry, ...]:
        """Offences are counted by the key: two figures of one key would each hold the sum of both."""
        if not figures:
            raise ValueError("a table holds one figure at least")
        keys = [figure.key for figure in figures]
        doubled_keys = sorted({key for key in keys if keys.count(key) > 1})
        if doubled_keys:
            raise ValueError(f"the key {', '.join(doubled_keys)} is there twice")
        return figures


def find_key_figures(workspace_path: Path) -> Source:
    """The file that holds: the workspace's own, else the shipped one."""
    own_path = workspace_path / OWN_FILE
    return own_path if own_path.is_file() else files(__package__) / "key_figures" / "violence_2020.toml"


def load_key_figures(workspace_path: Path) -> KeyFigureTable:
    """The key figures of this workspace. Raises InputError with everything that is wrong with its file."""
    source = find_key_figures(workspace_path)
    figure_file, faults = check_recipe(source, FigureFile)
    if figure_file is None:
        raise InputError(f"{source.name} cannot be used", faults)
    return KeyFigureTable(
        key=figure_file.key,
        version=figure_file.version,
        sha256=sha256_of_text(source.read_text("utf-8")),
        figures=tuple(KeyFigure(**entry.model_dump()) for entry in figure_file.figures),
    )
