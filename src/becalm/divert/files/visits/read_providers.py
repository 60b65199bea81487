"""The directory of providers from TOML: reviewed data, with contract and agreement dates."""

from datetime import date
from pathlib import Path

from pydantic import Field

from becalm.divert.core.visits.events import NEEDS
from becalm.divert.core.visits.providers import HelpProvider
from becalm.terms import Fault, InputError, QuestionError, suggest_word
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe

OWN_FILE = "providers.toml"


class ProviderEntry(Strict):
    """One [[providers]] entry."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str = Field(min_length=1)
    needs: tuple[str, ...] = Field(min_length=1)
    areas: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    capacity: int = Field(ge=0)
    waiting_days: int = Field(ge=0, le=365)
    contract_from: date
    contract_until: date
    agreement: str = Field(min_length=1)
    agreement_until: date


class ProvidersFile(Strict):
    """A whole directory."""

    author: str = Field(min_length=1)
    reviewed_on: date
    providers: tuple[ProviderEntry, ...]


def find_providers(workspace_folder: Path, file_name: str | None) -> Path:
    """The directory that was named, else the workspace's own."""
    own_file = workspace_folder / OWN_FILE
    if not file_name and not own_file.is_file():
        raise QuestionError(
            f"There is no directory of providers. Write {own_file} (docs/how-to/divert-visits.md shows one)."
        )
    return Path(file_name) if file_name else own_file


def read_providers(source: Source) -> tuple[HelpProvider, ...]:
    """The providers in this file.

    Raises InputError with everything that is wrong: a need that nobody knows, dates the wrong way round, a
    key that comes twice.
    """
    entry, faults = check_recipe(source, ProvidersFile)
    if entry is not None:
        faults = tuple(
            fault for provider in entry.providers for fault in _faults(provider, entry, source.name)
        )
    if entry is None or faults:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"The directory {source.name} has {len(faults)} {noun}", faults)
    return tuple(HelpProvider(**provider.model_dump()) for provider in entry.providers)


def _faults(provider: ProviderEntry, entry: ProvidersFile, file_name: str) -> list[Fault]:
    place = f"{file_name}: {provider.key}"
    faults = [
        Fault(place, f"{need!r} is no need", suggest_word(need, NEEDS))
        for need in provider.needs
        if need not in NEEDS
    ]
    if provider.contract_until < provider.contract_from:
        faults.append(Fault(place, "the contract ends before it begins", "correct its dates"))
    if [provider_entry.key for provider_entry in entry.providers].count(provider.key) > 1:
        faults.append(Fault(place, "this key comes twice", "give each provider a key of its own"))
    return faults
