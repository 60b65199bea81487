"""Places by expected harm: each offence group is forecast alone, and harm is their weighted sum."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from becalm.find.core.fitted_model import STEADY, FittedModel, fit_model
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.place_panel import Counts, PlacePanel, build_group_panel
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.arrays import Floats, Ints
from becalm.methods.gamma_poisson import GammaPosterior, weighted_sum
from becalm.terms import FEW_EVENTS, GroupHarm, GroupWeight, GroupWeights, HarmBasis, HarmPart

NOWHERE: Mapping[str, LocationUncertainty] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HarmWeighting:
    """With which weights harm is computed, and whether the list is ranked by it or only shows it.

    `locations` say for each group how far its records were moved, where they were.
    """

    weights: GroupWeights
    is_ranking: bool = True
    locations: Mapping[str, LocationUncertainty] = field(default_factory=lambda: NOWHERE)


@dataclass(frozen=True, slots=True)
class GroupModel:
    """One group of the target: its weight, its records, and each place's rate.

    A group that is not `has_own_forecast` has too few records for one: it is expected where all of the
    target is.
    """

    weight: GroupWeight
    records: int
    posterior: GammaPosterior
    order_posterior: GammaPosterior
    earlier_values: Floats | None
    has_own_forecast: bool


@dataclass(frozen=True, slots=True)
class HarmModel:
    """Each place's harm in 30 days: gamma, with the mean and variance of the weighted sum of its groups."""

    groups: tuple[GroupModel, ...]
    posterior: GammaPosterior
    order_posterior: GammaPosterior
    earlier_values: Floats | None

    @property
    def expected_values(self) -> Floats:
        """The expected harm of each place."""
        return self.posterior.mean


def fit_harm_model(
    panel: PlacePanel,
    counts: Counts,
    targets: Targets,
    model: FittedModel,
    weighting: HarmWeighting | None,
    *,
    settings: FindSettings,
    rng: np.random.Generator,
) -> HarmModel | None:
    """How much harm is to be expected of each place, and how sure is that? None without a weighting.

    A group with a forecast of its own borrows from the others like any target from related offences. The
    groups' rates are taken as independent, given the records.

    Raises QuestionError where a group of the target has no weight.
    """
    if weighting is None:
        return None
    (harm_rng,) = rng.spawn(1)  # of its own, so that showing harm beside incidents changes no draw of theirs
    whole_incident_count = float(panel.target.totals.sum())
    group_models: list[GroupModel] = []
    for weight in weighting.weights.of(targets.target):
        group_panel = build_group_panel(panel, counts, targets, weight.group)
        record_count = int(group_panel.target.totals.sum())
        if has_enough_records(group_panel, settings):
            group_location = weighting.locations.get(weight.group)
            group_models.append(
                _fit_group(group_panel, weight, record_count, model, group_location, settings, harm_rng)
            )
        else:
            group_models.append(
                _scale_whole(weight, record_count, record_count / whole_incident_count, model)
            )
    group_harm = [g.weight.weight * g.earlier_values for g in group_models if g.earlier_values is not None]
    return HarmModel(
        tuple(group_models),
        weighted_sum([(g.weight.weight, g.posterior) for g in group_models]),
        weighted_sum([(g.weight.weight, g.order_posterior) for g in group_models]),
        np.sum(group_harm, axis=0) if len(group_harm) == len(group_models) else None,
    )


def has_enough_records(panel: PlacePanel, settings: FindSettings) -> bool:
    """Are there records enough for a forecast of the group's own, also in the months that it learns from?"""
    month_totals, last = panel.target.totals, len(panel.months)
    first_month = max(settings.least_history, last - 1 - settings.training_months)
    history_count, training = month_totals[:first_month].sum(), month_totals[first_month : last - 1].sum()
    return bool(month_totals.sum() >= settings.least_incidents and min(history_count, training) > 0)


def _fit_group(
    panel: PlacePanel,
    weight: GroupWeight,
    count: int,
    whole_model: FittedModel,
    location: LocationUncertainty | None,
    settings: FindSettings,
    rng: np.random.Generator,
) -> GroupModel:
    scatter = whole_model.scatter or STEADY
    own_model = fit_model(
        panel, settings, location, rng, default_scatter=scatter, shrinkage=whole_model.shrinkage
    )
    return GroupModel(
        weight, count, own_model.posterior, own_model.order_posterior, own_model.earlier_values, True
    )


def _scale_whole(
    group_weight: GroupWeight, record_count: int, record_share: float, whole_model: FittedModel
) -> GroupModel:
    """Too few to say where they fall: everywhere the share of all incidents that they are on record.

    How many they are is itself no surer than a count of so few: that adds its variance everywhere.
    """
    record_share_floor = max(record_share, 1e-12)

    def scale(posterior: GammaPosterior) -> GammaPosterior:
        posterior_shape = 1.0 / (1.0 / posterior.shape + 1.0 / max(record_count, 1))
        return GammaPosterior(posterior_shape, posterior_shape / (posterior.mean * record_share_floor))

    earlier_harm = (
        None if whole_model.earlier_values is None else whole_model.earlier_values * record_share_floor
    )
    scaled_posteriors = scale(whole_model.posterior), scale(whole_model.order_posterior)
    return GroupModel(group_weight, record_count, *scaled_posteriors, earlier_harm, False)


def split_harm(model: HarmModel, place_number: int, hours_share: float) -> tuple[HarmPart, ...]:
    """What each group adds to the harm of this place, in the `hours_share` of its week that is asked for."""
    harm_parts = []
    for group_model in model.groups:
        incident_count = float(group_model.posterior.mean[place_number]) * hours_share
        harm_parts.append(
            HarmPart(group_model.weight.group, incident_count, incident_count * group_model.weight.weight)
        )
    return tuple(sorted(harm_parts, key=lambda part: (-part.harm, part.group)))


def build_harm_basis(
    model: HarmModel,
    weights: GroupWeights,
    listed_index: Ints,
    *,
    shared_place_count: int,
    hours_share: Floats | float,
) -> HarmBasis:
    """What the harm of the listed places rests on."""
    listed_hours_share = hours_share[listed_index] if isinstance(hours_share, np.ndarray) else hours_share
    group_counts = np.array(
        [(g.posterior.mean[listed_index] * listed_hours_share).sum() for g in model.groups]
    )
    weight_of_group = np.array([g.weight.weight for g in model.groups])
    count_variances = [
        g.posterior.shape[listed_index] * (listed_hours_share / g.posterior.rate[listed_index]) ** 2
        for g in model.groups
    ]
    group_variances = weight_of_group**2 * np.array(
        [float(count_variance.sum()) for count_variance in count_variances]
    )
    group_share_lists = [
        _to_shares(values).tolist()
        for values in (group_counts, weight_of_group * group_counts, group_variances)
    ]
    group_harms = [
        GroupHarm(
            group=g.weight.group,
            weight=g.weight.weight,
            evidence=g.weight.evidence,
            records=g.records,
            incident_share=incident_share,
            harm_share=harm_share,
            doubt_share=doubt_share,
            scored=g.has_own_forecast,
        )
        for g, incident_share, harm_share, doubt_share in zip(model.groups, *group_share_lists, strict=True)
    ]
    ordered_groups = sorted(group_harms, key=lambda g: (-g.harm_share, g.group))
    median_event_count = float(np.median(model.posterior.shape[listed_index])) if len(listed_index) else 0.0
    return HarmBasis(weights, tuple(ordered_groups), shared_place_count, median_event_count)


def warn_of_harm(basis: HarmBasis) -> tuple[str, ...]:
    """Is the harm of the listed places driven by few rare events?"""
    harm_warnings = [
        f"{g.group}: {g.records} records are too few for a score of their own; they are expected where all "
        "of the target is."
        for g in basis.groups
        if not g.scored
    ]
    rare_groups_text = "; ".join(
        f"{g.group} is {g.incident_share:.1%} of the incidents expected on the list, {g.harm_share:.0%} of "
        f"its harm and {g.doubt_share:.0%} of the doubt about it"
        for g in basis.rare
    )
    certainty_text = (
        f"the harm of half of the listed places is known no better than {basis.events:.1f} incidents would be"
    )
    if basis.rare:
        harm_warnings.append(
            f"The harm rank is driven by few rare events: {rare_groups_text}; {certainty_text}."
        )
    elif basis.events < FEW_EVENTS:
        harm_warnings.append(f"The harm rank rests on few events: {certainty_text}.")
    return tuple(harm_warnings)


def _to_shares(amounts: Floats) -> Floats:
    amount_total = amounts.sum()
    return amounts / amount_total if amount_total > 0 else np.zeros(len(amounts))
