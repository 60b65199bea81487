"""Places by expected harm: each offence group has a score of its own, and harm is their weighted sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from becalm.find.core.fitted_model import STEADY, FittedModel, fit_model
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.place_panel import PlacePanel, build_group_panel
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Floats, Ints
from becalm.methods.blend import GammaPosterior, weighted_sum
from becalm.tables import PlaceCounts, PointCounts
from becalm.terms import FEW_EVENTS, GroupHarm, GroupWeight, GroupWeights, HarmBasis, HarmPart

NOWHERE: Mapping[str, LocationUncertainty] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HarmWeighting:
    """With which weights harm is reckoned, and whether the list is ranked by it or only shows it.

    `locations` say for each group how far its records were moved, where they were.
    """

    weights: GroupWeights
    leads: bool = True
    locations: Mapping[str, LocationUncertainty] = field(default_factory=lambda: NOWHERE)


@dataclass(frozen=True, slots=True)
class GroupModel:
    """One group of the target: its weight, its records, and each place's rate.

    A group that is not `scored` has too few records for a score of its own: it is expected where all of the
    target is.
    """

    weight: GroupWeight
    records: int
    posterior: GammaPosterior
    doubted: GammaPosterior
    before: Floats | None
    scored: bool


@dataclass(frozen=True, slots=True)
class HarmModel:
    """Each place's harm in 30 days: gamma, with the mean and variance of the weighted sum of its groups."""

    groups: tuple[GroupModel, ...]
    posterior: GammaPosterior
    doubted: GammaPosterior
    before: Floats | None

    @property
    def expected(self) -> Floats:
        """The expected harm of each place."""
        return self.posterior.mean


def fit_harm_model(
    panel: PlacePanel,
    counts: PlaceCounts | PointCounts,
    targets: Targets,
    whole: FittedModel,
    asked: HarmWeighting,
    *,
    settings: FindSettings,
    rng: np.random.Generator,
) -> HarmModel:
    """How much harm is to be expected of each place, and how sure is that?

    A group that is scored alone borrows from the others like any target from related offences. The groups'
    rates are taken as independent, given the records.

    Raises
    ------
    QuestionError
        where a group of the target has no weight.
    """
    weights = asked.weights.of(targets.target)
    all_records = float(panel.target.totals.sum())

    def model(weight: GroupWeight) -> GroupModel:
        own = build_group_panel(panel, counts, targets, weight.group)
        if not has_enough_records(own, settings):
            return _like_all(weight, int(own.target.totals.sum()), all_records, whole)
        return _alone(own, weight, whole, asked.locations.get(weight.group), settings, rng)

    groups = tuple(model(weight) for weight in weights)
    earlier = [g.weight.weight * g.before for g in groups if g.before is not None]
    return HarmModel(
        groups,
        weighted_sum([(g.weight.weight, g.posterior) for g in groups]),
        weighted_sum([(g.weight.weight, g.doubted) for g in groups]),
        np.sum(earlier, axis=0) if len(earlier) == len(groups) else None,
    )


def has_enough_records(panel: PlacePanel, settings: FindSettings) -> bool:
    """Are there records enough for a score of the group's own, also in the months that it learns from?"""
    totals, last = panel.target.totals, len(panel.months)
    first = max(settings.least_history, last - 1 - settings.training_months)
    learnt = (totals[:first].sum(), totals[first : last - 1].sum())
    return bool(totals.sum() >= settings.least_incidents and min(learnt) > 0)


def _alone(
    panel: PlacePanel,
    weight: GroupWeight,
    whole: FittedModel,
    location: LocationUncertainty | None,
    settings: FindSettings,
    rng: np.random.Generator,
) -> GroupModel:
    model = fit_model(
        panel, settings, location, rng, otherwise=whole.scatter or STEADY, lasting=whole.lasting
    )
    before = None if model.before is None else model.before.expected
    records = int(panel.target.totals.sum())
    return GroupModel(weight, records, model.posterior, model.doubted, before, True)


def _like_all(weight: GroupWeight, records: int, all_records: float, whole: FittedModel) -> GroupModel:
    """Too few to say where they fall: everywhere the share of all incidents that they are on record.

    How many they are is itself no surer than a count of so few: that adds its variance everywhere.
    """
    share = max(records / all_records, 1e-12)

    def scaled(posterior: GammaPosterior) -> GammaPosterior:
        shape = 1.0 / (1.0 / posterior.shape + 1.0 / max(records, 1))
        return GammaPosterior(shape, shape / (posterior.mean * share))

    before = None if whole.before is None else whole.before.expected * share
    return GroupModel(weight, records, scaled(whole.posterior), scaled(whole.doubted), before, False)


def split_harm(model: HarmModel, place: int, share: float) -> tuple[HarmPart, ...]:
    """What each group adds to the harm of this place, in the `share` of its week asked for."""
    made = []
    for group in model.groups:
        incidents = float(group.posterior.mean[place]) * share
        made.append(HarmPart(group.weight.group, incidents, incidents * group.weight.weight))
    return tuple(sorted(made, key=lambda part: (-part.harm, part.group)))


def build_harm_basis(
    model: HarmModel, weights: GroupWeights, listed: Ints, *, shared: int, share: Floats | float
) -> HarmBasis:
    """What the harm of the listed places rests on."""
    at = share[listed] if isinstance(share, np.ndarray) else share
    incidents = np.array([(g.posterior.mean[listed] * at).sum() for g in model.groups])
    weighed = np.array([g.weight.weight for g in model.groups])
    spread = [g.posterior.shape[listed] * (at / g.posterior.rate[listed]) ** 2 for g in model.groups]
    doubt = weighed**2 * np.array([float(variance.sum()) for variance in spread])
    harm = weighed * incidents
    shares = (_shares(incidents), _shares(harm), _shares(doubt))
    groups = [
        GroupHarm(
            group=g.weight.group,
            weight=g.weight.weight,
            evidence=g.weight.evidence,
            records=g.records,
            incident_share=float(shares[0][i]),
            harm_share=float(shares[1][i]),
            doubt_share=float(shares[2][i]),
            scored=g.scored,
        )
        for i, g in enumerate(model.groups)
    ]
    ordered = sorted(groups, key=lambda g: (-g.harm_share, g.group))
    events = float(np.median(model.posterior.shape[listed])) if len(listed) else 0.0
    return HarmBasis(weights, tuple(ordered), shared, events)


def warn_of_harm(basis: HarmBasis) -> tuple[str, ...]:
    """Is the harm of the listed places driven by few rare events?"""
    out = [
        f"{g.group}: {g.records} records are too few for a score of their own; they are expected where all "
        "of the target is."
        for g in basis.groups
        if not g.scored
    ]
    told = "; ".join(
        f"{g.group} is {g.incident_share:.1%} of the incidents expected on the list, {g.harm_share:.0%} of "
        f"its harm and {g.doubt_share:.0%} of the doubt about it"
        for g in basis.rare
    )
    sure = (
        f"the harm of half of the listed places is known no better than {basis.events:.1f} incidents would be"
    )
    if basis.rare:
        out.append(f"The harm rank is driven by few rare events: {told}; {sure}.")
    elif basis.events < FEW_EVENTS:
        out.append(f"The harm rank rests on few events: {sure}.")
    return tuple(out)


def _shares(values: Floats) -> Floats:
    total = values.sum()
    return values / total if total > 0 else np.zeros(len(values))
