"""How does a period compare with its baselines?"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from becalm import tables, terms
from becalm.desk import Desk, gaps_of, totals_in
from becalm.measure import ComparisonContext, compare_baselines, days_covered, outside_total, pick_groups
from becalm.measure.core.baseline import choose_baselines
from becalm.measure.core.compare import check_overlap
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.request import CompareRequest
from becalm.measure.desk.public import withhold_comparison
from becalm.measure.desk.series import count_rows, filter_groups
from becalm.measure.desk.steps import active_steps
from becalm.workspace.read_offence_tables import load_offences


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
    source = tables.choose_source(desk.archive.files(as_of=request.as_of), request.source)
    records = desk.archive.table(source.table, as_of=request.as_of, source=source.key, only=only)
    group_by_key = terms.groups_by_key(
        load_offences(desk.workspace.offences_path).values(), source=source.key
    )
    time_unit = _unit(source, request)
    monthly_totals = totals_in(records, source)
    covered_period = days_covered(monthly_totals, time_unit)
    gaps = gaps_of(desk, source, as_of=request.as_of, totals=monthly_totals)
    period_text = request.period or tables.find_newest_whole_month(monthly_totals, gaps)
    written_period = terms.parse_period(period_text, last_day=covered_period.last_day)
    baselines = choose_baselines(request.baseline, written_period=written_period, covered=covered_period)
    count = partial(count_rows, desk, source, group_by_key, unit=time_unit, counted_unit=request.counted)
    group_counts = count(records, by="offence_group")
    group_records = filter_groups(records, request.offence_group, group_counts)
    outside_keys = outside_total(group_counts.groups, group_by_key, requested=request.offence_group)
    counted_keys = request.offence_group or [key for key in group_counts.groups if key not in outside_keys]
    if request.by not in ("offence_group", "offence"):
        check_overlap(counted_keys, group_by_key)
    if request.by == "offence_group" and not request.offence_group:
        compared_counts = pick_groups(group_counts, counted_keys)  # counted already
    else:
        compared_counts = count(group_records, by=request.by, exclude=outside_keys)
    comparison = compare_baselines(
        compared_counts,
        period=written_period.period,
        baselines=baselines,
        settings=request.settings,
        context=ComparisonContext(
            groups=group_by_key,
            holidays=tables.list_public_holidays(desk.workspace.city.holidays, _years(covered_period)),
            left_out=pick_groups(group_counts, outside_keys),
            gaps=gaps,
            covered=covered_period,
            only=request.offence_group,
            steps=active_steps(desk, known_at=known_at),
            counted_unit=request.counted if source.table == "published_counts" else "offences",
        ),
    )
    return withhold_comparison(desk, comparison) if request.public else comparison


def _unit(source: tables.Source, request: CompareRequest) -> tables.TimeUnit:
    """Publishers count months; what asks them for days is refused by the job, with its reason."""
    return "month" if source.table == "published_counts" else ("day" if request.is_about_days else "month")


def _years(covered: terms.Period) -> range:
    return range(covered.start.year, covered.end.year + 1)
