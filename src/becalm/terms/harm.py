"""Harm weights: how much worse is one offence than another, by one index in one edition?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from becalm.terms.errors import QuestionError


@dataclass(frozen=True, slots=True)
class Harm:
    """An amount of harm in the unit of one index and edition; amounts of two indices cannot be added.

    >>> Harm(799.6, "css", "2020") + Harm(80.4, "css", "2020")
    Harm(value=880.0, index='css', edition='2020')
    """

    value: float
    index: str
    edition: str

    def __add__(self, other: Harm) -> Harm:
        if (self.index, self.edition) != (other.index, other.edition):
            raise QuestionError(
                f"Harm by {self.index} {self.edition} cannot be added to harm by {other.index} "
                f"{other.edition}: their units differ. Weigh all offences by one index in one edition."
            )
        return Harm(self.value + other.value, self.index, self.edition)


@dataclass(frozen=True, slots=True)
class HarmWeight:
    """The weight of one offence class. `code` is the Home Office class, e.g. "8N" or "4.10"."""

    code: str
    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class HarmIndex:
    """A versioned table of harm weights. `unit` says what one unit of weight means."""

    key: str
    edition: str
    unit: str
    author: str
    reviewed_on: date
    origin: str
    weights: tuple[HarmWeight, ...]

    def harm(self, code: str, count: int = 1) -> Harm:
        """How much harm are `count` offences of this class?

        Raises QuestionError for a class that the index does not weigh: nothing is guessed.
        """
        weight = next((w.weight for w in self.weights if w.code == code.strip().upper()), None)
        if weight is None:
            raise QuestionError(
                f"{self.key} {self.edition} has no weight for class {code!r}. "
                "Leave the class out and say so, or use an index that weighs it."
            )
        return Harm(weight * count, self.key, self.edition)
