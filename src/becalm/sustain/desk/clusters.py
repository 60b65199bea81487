"""The scan for clusters: reads incidents with days and places, asks the core."""

from datetime import timedelta

from becalm import terms
from becalm.desk import Desk
from becalm.methods.arrays import seed_generator
from becalm.sustain.core.clusters import Clusters, find_clusters, history_months
from becalm.sustain.core.request import ClustersRequest
from becalm.sustain.desk.series import choose_last_monday, exclude_groups
from becalm.tables import CountTable, Source, choose_source, count_incidents, list_event_points
from becalm.tables.counts import UNKNOWN
from becalm.workspace.read_offence_tables import load_offences


def search_clusters(desk: Desk, request: ClustersRequest) -> Clusters:
    """Which circles hold more than expected in the newest weeks?

    Raises QuestionError where records are counts or carry months alone, or hold too little; UsageError where
    an offence group is asked for that they do not hold, or that police find by looking.
    """
    source = choose_source(desk.archive.files(as_of=request.as_of), request.source)
    if source.table != "incidents":
        raise terms.QuestionError(
            f"{source.key} publishes counts without places, and a cluster needs points. "
            "Load an extract with places and dates (`becalm ingest map FILE`), or name it with `source`."
        )
    records = desk.archive.table(source.table, as_of=request.as_of, source=source.key)
    counts = count_incidents(records, by=("offence_group",), unit="week")
    target = _choose_target(desk, request, source, counts)
    until = choose_last_monday(request, counts) + timedelta(days=6)
    seed = desk.draw_seed() if request.seed is None else request.seed
    return find_clusters(
        list_event_points(records, groups=target, months=history_months(until)),
        request,
        target=target,
        until=until,
        first_day=counts.times[0],
        rng=seed_generator(seed),
        seed=seed,
    )


def _choose_target(
    desk: Desk, request: ClustersRequest, source: Source, counts: CountTable
) -> tuple[str, ...]:
    """The offence groups that are counted together; what police find by looking is never among them."""
    group_by_key = terms.groups_by_key(
        load_offences(desk.workspace.offences_path).values(), source=source.key
    )
    excluded_groups = exclude_groups(counts, "offence_group", group_by_key, request.offence_group)
    finder_by_group = {key[-1]: finder for key, finder in zip(counts.keys, counts.found_by, strict=True)}
    police_found = [group for group in request.offence_group if finder_by_group[group] == "police"]
    if police_found:
        raise terms.UsageError(
            f"{', '.join(police_found)}: police find these by looking, so a cluster would only show where "
            "they looked. Name other offence groups."
        )
    return tuple(
        group
        for group, finder in finder_by_group.items()
        if group not in excluded_groups and group != UNKNOWN and finder != "police"
    )
