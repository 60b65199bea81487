"""With which harm weights is a list made, and what of them belongs to the record of the run?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ibis import Table

from becalm.desk import Desk
from becalm.find.core.harm import HarmWeighting
from becalm.find.core.location_uncertainty import LocationUncertainty, measure_location
from becalm.find.core.targets import Targets
from becalm.find.files.harm_tables import (
    INDEX_FOLDER,
    choose_group_weights,
    load_group_weights,
    read_group_weights,
)
from becalm.tables import find_moved_points
from becalm.terms import GroupWeights, RankBy, UsageError


@dataclass(frozen=True, slots=True)
class HarmChoice:
    """By what the list is ranked, and with which harm weights: a table's key, or a file ending in .toml.

    Weights that are named for a list by count show each place's harm beside it.
    """

    rank: RankBy = "count"
    weights: str | None = None

    @property
    def wanted(self) -> bool:
        """Is harm to be reckoned at all?"""
        return self.rank == "harm" or self.weights is not None


def harm_of(
    desk: Desk, choice: HarmChoice, incidents: Table, *, targets: Targets, source: str, unit: str
) -> HarmWeighting | None:
    """The weights of the target and how far each group's records were moved; None where no harm is asked for.

    Raises
    ------
    UsageError
        where floating boxes, which are laid by incidents, are to be ranked by harm, or weights are not known.
    QuestionError
        where a group of the target has no weight.
    """
    if not choice.wanted:
        return None
    if unit == "box":
        raise UsageError(
            "Floating boxes are laid where incidents are, so they have no harm rank. Take another --unit, "
            "or leave --rank harm and --harm-weights out."
        )
    weights = _weights(desk, choice.weights, targets.target, source)
    groups = [weight.group for weight in weights.of(targets.target, never=targets.excluded)]
    found = ((group, measure_location(find_moved_points(incidents, target=(group,)))) for group in groups)
    locations: dict[str, LocationUncertainty] = {group: at for group, at in found if at is not None}
    return HarmWeighting(weights, is_ranking=choice.rank == "harm", locations=locations)


def harm_parameters(harm: HarmWeighting | None) -> dict[str, Any]:
    """What of it belongs to the record of the run; nothing where no harm was asked for."""
    if harm is None:
        return {}
    told = {k: v for k, v in asdict(harm.weights).items() if k != "weights"}
    told["reviewed_on"] = str(harm.weights.reviewed_on)
    weights = {weight.group: weight.weight for weight in harm.weights.weights}
    return {"rank": "harm" if harm.is_ranking else "count", "harm_weights": {**told, "groups": weights}}


def _weights(desk: Desk, named: str | None, target: tuple[str, ...], source: str) -> GroupWeights:
    own = desk.workspace.harm_path
    if named is not None and named.endswith(".toml"):
        return read_group_weights(Path(named), own_index=own / INDEX_FOLDER)
    return choose_group_weights(load_group_weights(own), target, source=source, named=named)
