"""What came of an incident: the newest outcome on record, joined onto it."""

from __future__ import annotations

import ibis
from ibis import Table

from becalm.tables.schema import INCIDENTS


def newest_outcomes(outcomes: Table) -> Table:
    """One row for each incident that has an outcome: source, incident_id, outcome.

    The newest month wins, of equals the newest as-of date, then the last word in the alphabet, so
    that the answer does not depend on the order of the rows.
    """
    known = outcomes.filter(outcomes.outcome.notnull())
    newest = ibis.window(
        group_by=[known.source, known.incident_id],
        order_by=[known.month.desc(), known.as_of.desc(), known.outcome.desc()],
    )
    ranked = known.mutate(place=ibis.row_number().over(newest))
    return ranked.filter(ranked.place == 0).select("source", "incident_id", newest_outcome="outcome")


def with_outcomes(incidents: Table, outcomes: Table) -> Table:
    """The incidents, each with the newest outcome of the outcomes table where that has one.

    Rows are neither lost nor doubled; what the incident itself states stands where the outcomes
    table is silent.
    """
    newest = newest_outcomes(outcomes)
    joined = incidents.left_join(newest, ["source", "incident_id"])
    told = joined.mutate(outcome=ibis.coalesce(joined.newest_outcome, joined.outcome))
    return told.select(*INCIDENTS.names)


def count_matched(outcomes: Table, incidents: Table) -> tuple[int, int]:
    """How many incidents with an outcome are among these incidents, and how many have one at all?"""
    known = newest_outcomes(outcomes)
    matched = known.semi_join(incidents, ["source", "incident_id"])
    return int(matched.count().to_pyarrow().as_py()), int(known.count().to_pyarrow().as_py())
