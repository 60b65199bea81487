"""The page of measure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from becalm.console.job_page import JobPage

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.measure.core.comparison import Comparison


def draw_changes(comparison: Comparison) -> Markup:
    """The change of each group, with its interval."""
    from becalm.measure.files.charts import change_chart, change_rows
    from becalm.render.svg import draw_twice

    title = f"Change of each group against {comparison.baseline.label}"
    return draw_twice(partial(change_chart, change_rows(comparison), title=title), "change")


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
    unpinned=frozenset({"measure delay", "measure revisions"}),
)
