"""What came of an incident: the newest outcome on record, joined onto it."""

import ibis
from ibis import Table

from becalm.tables.schema import INCIDENTS


def select_newest_outcomes(outcomes: Table) -> Table:
    """One row for each incident that has an outcome: source, incident_id, newest_outcome.

    The newest month wins, of equals the newest as-of date, then the last word in the alphabet, so
    that the answer does not depend on the order of the rows.
    """
    known_outcomes = outcomes.filter(outcomes.outcome.notnull())
    newest_first_window = ibis.window(
        group_by=[known_outcomes.source, known_outcomes.incident_id],
        order_by=[known_outcomes.month.desc(), known_outcomes.as_of.desc(), known_outcomes.outcome.desc()],
    )
    ranked_rows = known_outcomes.mutate(rank=ibis.row_number().over(newest_first_window))
    return ranked_rows.filter(ranked_rows["rank"] == 0).select(
        "source", "incident_id", newest_outcome="outcome"
    )


def join_outcomes(incidents: Table, outcomes: Table) -> Table:
    """The incidents, each with the newest outcome of the outcomes table where that has one.

    Rows are neither lost nor doubled; what the incident itself states stands where the outcomes
    table is silent.
    """
    incident_rows = incidents.left_join(select_newest_outcomes(outcomes), ["source", "incident_id"])
    newest_or_own = ibis.coalesce(incident_rows.newest_outcome, incident_rows.outcome)
    return incident_rows.mutate(outcome=newest_or_own).select(*INCIDENTS.names)


def count_matched(outcomes: Table, incidents: Table) -> tuple[int, int]:
    """How many incidents with an outcome are among these incidents, and how many have one at all?"""
    newest_outcomes = select_newest_outcomes(outcomes)
    incident_outcomes = newest_outcomes.semi_join(incidents, ["source", "incident_id"])
    return int(incident_outcomes.count().to_pyarrow().as_py()), int(
        newest_outcomes.count().to_pyarrow().as_py()
    )
