"""The page of measure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from becalm.console.job_page import JobPage

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.desk import Desk
    from becalm.measure.core.comparison import Comparison


def draw_changes(comparison: Comparison) -> Markup:
    """The change of each group, with its interval."""
    from becalm.measure.files.charts import change_chart, change_rows
    from becalm.render.svg import draw_twice

    title = f"Change of each group against {comparison.baseline.label}"
    return draw_twice(partial(change_chart, change_rows(comparison), title=title), "change")


def months_on_record(desk: Desk) -> Mapping[str, str]:
    """The months whose incidents are on record, the newest first."""
    months = sorted({file.month for file in desk.archive.files("incidents")}, reverse=True)
    return {month: month for month in months}


def baseline_years(desk: Desk) -> Mapping[str, str]:
    """The years on record, with which a period can be compared, the newest whole one first."""
    years = sorted({month[:4] for month in months_on_record(desk)}, reverse=True)
    return {year: year for year in [*years[1:], *years[:1]]}


PAGE = JobPage(
    job="measure",
    heading="Measure",
    lead="How does this period compare with the same period of other years, and how sure are we?",
    labels={
        "measure compare": "Compare with other years",
        "measure key-figures": "Key figures of violence",
        "measure expected": "What was to be expected",
        "measure delay": "How complete the newest weeks are",
        "measure revisions": "What a figure was on each day",
    },
    pictures={"measure compare": draw_changes},
    pickers={"measure compare": {"period": months_on_record, "baseline": baseline_years}},
    unpinned=frozenset({"measure delay", "measure revisions"}),
)
