"""Proposing a mapping for a file that nobody has mapped yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.sheet import InputFile
from becalm.formats.sheet_reader import read_sheet
from becalm.ingest.inputs import hash_input
from becalm.ingest.locate import Locator
from becalm.ingest.mapping_choice import fitting_mappings
from becalm.ingest.propose.mapping import Proposal, propose
from becalm.ingest.reader import ReadContext
from becalm.terms import UsageError
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.offences import load_offences


@dataclass(frozen=True, slots=True)
class MappingProposed:
    """A proposed mapping and where it was written; `fits` names a mapping that has these columns already."""

    file: str
    path: Path
    proposal: Proposal
    fits: str | None


def propose_mapping(
    desk: Desk, file: Path, *, name: str | None = None, out: Path | None = None
) -> MappingProposed:
    """Which mapping would read this file? It is written with every doubt marked, and never over another.

    Raises UsageError where the mapping's file is there already, InputError where the file is no table.
    """
    chosen_name = name or mapping_name(file)
    target = out or desk.workspace.mappings_path / f"{chosen_name}.toml"
    if target.exists():
        raise UsageError(f"{target} is there already. Remove it, or give another place with --out or --name.")
    context = ReadContext(
        city=desk.workspace.city,
        locator=Locator(desk.workspace.city, load_boundaries(desk.workspace)),
        offences=load_offences(desk.workspace.offences_path),
        staging=desk.workspace.path,
        mappings=desk.workspace.mappings_path,
    )
    entry = InputFile(file.name, file, hash_input(file, file.name), date.min)
    fits = ", ".join(c.where for c in fitting_mappings(entry, context))
    proposal = propose(
        read_sheet(entry),
        name=chosen_name,
        author=desk.actor,
        tables=context.offences,
        locator=context.locator,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(proposal.text, "utf-8")
    return MappingProposed(file.name, target, proposal, fits or None)


def mapping_name(file: Path) -> str:
    """A key made of a file's name: "Force Crimes 2020.csv.gz" gives "force_crimes_2020"."""
    stem = re.sub(r"[^a-z0-9]+", "_", file.name.split(".")[0].casefold()).strip("_")
    return stem if stem[:1].isalpha() else f"extract_{stem}".rstrip("_")
