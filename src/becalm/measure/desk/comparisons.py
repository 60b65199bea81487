"""How does a period compare with its baselines?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from becalm.desk import Desk
from becalm.measure import compare_baselines, outside_total, pick_groups
from becalm.measure.core.compare import check_overlap
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.request import CompareRequest
from becalm.measure.desk.comparison_inputs import learn_known_shares, load_comparison
from becalm.measure.desk.public import withhold_comparison
from becalm.measure.desk.series import count_rows, filter_groups


def compare(
    desk: Desk,
    request: CompareRequest,
    *,
    only: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
) -> Comparison:
    """How does the period compare with its baselines, group by group, and how sure is that?

    `only` pins the answer to exactly these archive files (path to SHA-256), `known_at` to the steps that
    were declared by then.

    Raises QuestionError where the groups overlap, so that a sum by another grouping would count people twice.
    """
    inputs = load_comparison(desk, request, only=only, known_at=known_at)
    source, groups = inputs.source, inputs.context.groups
    count = partial(count_rows, desk, source, groups, unit=inputs.unit, counted_unit=request.counted)
    group_counts = count(inputs.records, by="offence_group")
    group_records = filter_groups(inputs.records, request.offence_group, group_counts)
    outside_keys = outside_total(group_counts.groups, groups, requested=request.offence_group)
    counted_keys = request.offence_group or [key for key in group_counts.groups if key not in outside_keys]
    if request.by not in ("offence_group", "offence"):
        check_overlap(counted_keys, groups)
    if request.by == "offence_group" and not request.offence_group:
        compared_counts = pick_groups(group_counts, counted_keys)  # counted already
    else:
        compared_counts = count(group_records, by=request.by, exclude=outside_keys)
    comparison = compare_baselines(
        compared_counts,
        period=inputs.period,
        baselines=inputs.baselines,
        settings=request.settings,
        context=replace(
            inputs.context,
            left_out=pick_groups(group_counts, outside_keys),
            only=request.offence_group,
            known_shares=learn_known_shares(
                inputs, group_records, by=request.by, left_out=tuple(outside_keys)
            ),
            counted_unit=request.counted if source.table == "published_counts" else "offences",
        ),
    )
    return withhold_comparison(desk, comparison) if request.public else comparison
