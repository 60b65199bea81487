"""The burden of patrol: counts that a force aggregated, beside the hours that its plans give."""

from collections.abc import Iterator
from pathlib import Path

from becalm.desk import Desk, collect_errors
from becalm.patrol.core.burden import Burden, measure_burden, sum_hours
from becalm.patrol.core.request import BurdenRequest
from becalm.patrol.files.read_burden import read_burden_counts
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.write_plan import PlanDocument


def report_burden(desk: Desk, request: BurdenRequest) -> Burden:  # noqa: ARG001 - a question of two files
    """Who carries the burden of patrol, against who lives there and who reported harm?

    Raises InputError with every fault of the counts and of the plans.
    """
    counts, plans = collect_errors(
        lambda: read_burden_counts(Path(request.counts)),
        lambda: [read_plan(Path(name)) for name in request.plan],
    )
    hours_by_area = sum_hours(burst for plan in plans for burst in _list_bursts(plan))
    return measure_burden(counts, hours_by_area if plans else None, level=request.level)


def _list_bursts(plan: PlanDocument) -> Iterator[tuple[str, float]]:
    """The area and the minutes of each burst."""
    area_of_place = {place.hotspot: place.area for place in plan.inputs.places}
    return ((area_of_place[burst.hotspot], burst.span.minutes) for burst in plan.bursts)
