"""Under which rules, and with which harm weights, is a list made?"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from becalm.desk import Desk
from becalm.find.core.harm_model import HarmWeighting
from becalm.find.core.list_rules import Rules, check_one_answer, read_hours
from becalm.find.core.location_uncertainty import LocationUncertainty, measure_location
from becalm.find.core.request import HarmOptions, RuleOptions
from becalm.find.desk.inputs import FindInputs
from becalm.find.desk.override import active_overrides, read_overrides
from becalm.find.files import harm_tables
from becalm.find.files.rules_file import read_rules
from becalm.formats.durable_files import sha256_of
from becalm.tables import find_moved_points
from becalm.terms import GroupWeights, UsageError


def load_rules(
    desk: Desk, options: RuleOptions, *, count: int, override_entries: Sequence[int] | None = None
) -> Rules:
    """The rules of the file, those of the request (which win area by area), and what is overridden.

    `override_entries` are the entries of the ledger whose overrides hold, whatever is recorded now: so a
    list is repeated as it was. Without them, those that are active today hold.

    Raises UsageError where the file and the request differ in the count, the separation or the hours; or
    rules clash; InputError where the file is faulty.
    """
    hours = None if options.when is None else read_hours(options.when)
    rules = Rules(count=count, separation_m=options.separation_m)
    if options.rules is not None:
        rules = read_rules(Path(options.rules), count=count, separation_m=options.separation_m)
        check_one_answer(options.rules, rules, count=count, separation_m=options.separation_m, hours=hours)
    overrides = active_overrides(desk) if override_entries is None else read_overrides(desk, override_entries)
    return replace(
        rules,
        floors={**rules.floors, **options.floors},
        caps={**rules.caps, **options.caps},
        hours=hours or rules.hours,
        decisions=(*rules.decisions, *overrides),
    )


def rule_parameters(options: RuleOptions, rules: Rules) -> dict[str, Any]:
    """What of the rules belongs to the record of the run; nothing where there are none."""
    rule_values = {
        "rules_sha256": sha256_of(Path(options.rules)) if options.rules else None,
        "floors": dict(sorted(rules.floors.items())),
        "caps": dict(sorted(rules.caps.items())),
        "when": str(rules.hours) if rules.hours else None,
        "overrides": [d.entry for d in rules.decisions if d.entry],
    }
    return {parameter_name: value for parameter_name, value in rule_values.items() if value}


def load_harm_weighting(desk: Desk, options: HarmOptions, inputs: FindInputs) -> HarmWeighting | None:
    """The weights of the target and how far each group's records were moved; None without harm.

    Raises UsageError where floating boxes, placed by incidents, are to be ranked by harm, or no such weights
    exist; QuestionError where a group of the target has no weight.
    """
    if not options.is_reckoned:
        return None
    if inputs.places.unit == "box":
        raise UsageError(
            "Floating boxes are placed where incidents are, so they have no harm rank. Take another `unit`, "
            "or leave `rank harm` and `harm_weights` out."
        )
    chosen_targets = inputs.targets
    group_weights = _load_weights(desk, options.harm_weights, chosen_targets.target, inputs.counts.source)
    location_by_group: dict[str, LocationUncertainty] = {}
    for group_weight in group_weights.of(chosen_targets.target, never=chosen_targets.excluded_groups):
        location_uncertainty = measure_location(
            find_moved_points(inputs.incidents, target=(group_weight.group,))
        )
        if location_uncertainty is not None:
            location_by_group[group_weight.group] = location_uncertainty
    return HarmWeighting(group_weights, is_ranking=options.rank == "harm", locations=location_by_group)


def _load_weights(desk: Desk, name: str | None, target: tuple[str, ...], source: str) -> GroupWeights:
    weights_folder = desk.workspace.harm_path
    if name is not None and name.endswith(".toml"):
        return harm_tables.read_group_weights(Path(name), own_index=weights_folder / harm_tables.INDEX_FOLDER)
    return harm_tables.choose_group_weights(
        harm_tables.load_group_weights(weights_folder), target, source=source, name=name
    )


def harm_parameters(harm: HarmWeighting | None) -> dict[str, Any]:
    """What of it belongs to the record of the run; nothing where no harm is computed."""
    if harm is None:
        return {}
    weight_facts = {
        name: field_value for name, field_value in asdict(harm.weights).items() if name != "weights"
    }
    weight_facts["reviewed_on"] = str(harm.weights.reviewed_on)
    weights = {group_weight.group: group_weight.weight for group_weight in harm.weights.weights}
    return {
        "rank": "harm" if harm.is_ranking else "count",
        "harm_weights": {**weight_facts, "groups": weights},
    }
