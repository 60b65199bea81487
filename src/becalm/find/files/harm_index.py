"""Harm weights as reviewed data: one file is one index in one edition."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field, model_validator

from becalm.terms import Fault, HarmIndex, HarmWeight, QuestionError, WorkspaceError
from becalm.workspace.recipes import Strict, check_recipe, recipe_files


class WeightEntry(Strict):
    """One [[weights]] entry."""

    code: str = Field(pattern=r"^[0-9]+(\.[0-9]+)?[A-Z]?$")
    label: str
    weight: float = Field(ge=0, allow_inf_nan=False)


class WeightFile(Strict):
    """A whole table of harm weights."""

    key: str
    edition: str
    unit: str
    author: str
    reviewed_on: date
    origin: str
    weights: tuple[WeightEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_weight_per_class(self) -> WeightFile:
        codes = [w.code for w in self.weights]
        twice = sorted({c for c in codes if codes.count(c) > 1})
        if twice:
            raise ValueError(f"weighed twice: {', '.join(twice)}; keep one weight for each class")
        return self

    def index(self) -> HarmIndex:
        """The index as a term."""
        weights = tuple(HarmWeight(w.code, w.label, w.weight) for w in self.weights)
        return HarmIndex(
            self.key, self.edition, self.unit, self.author, self.reviewed_on, self.origin, weights
        )


def load_harm_index(key: str, edition: str, *, own: Path | None = None) -> HarmIndex:
    """The harm weights of this index in this edition; the user's folder `own` is looked into first.

    Raises QuestionError where there is no such edition: another edition never stands in for it.
    """
    found: dict[tuple[str, str], HarmIndex] = {}
    faults: list[Fault] = []
    for source in recipe_files("becalm.find.files", "harm_weights", own):
        entry, wrong = check_recipe(source, WeightFile)
        faults += wrong
        if entry is not None:
            found.setdefault((entry.key, entry.edition), entry.index())
    if faults:
        raise WorkspaceError(f"The harm weights have {len(faults)} faults", tuple(faults))
    if (key, edition) not in found:
        have = ", ".join(" ".join(name) for name in sorted(found))
        raise QuestionError(f"There are no weights {key} {edition}; there are: {have}. Name one of these.")
    return found[key, edition]
