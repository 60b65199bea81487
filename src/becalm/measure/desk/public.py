"""Tables for the public: read what was published before, withhold, and remember what is published now."""

from collections.abc import Sequence

from becalm.desk import Desk
from becalm.measure.core import public as core
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.expected import ExpectedReport
from becalm.measure.core.public import PublicFigure
from becalm.measure.files.public_tables import read_public_tables, write_public_table

__all__ = ["PublicFigure", "withhold_comparison", "withhold_expected", "withhold_figures"]

OFFENCES = "offences"


def withhold_figures(
    desk: Desk,
    figures: Sequence[PublicFigure],
    *,
    source: str,
    counted_unit: str = OFFENCES,
    blocks: Sequence[int] | None = None,
) -> tuple[bool, ...]:
    """Which of these figures are withheld from the public? What is published is kept in the workspace."""
    public_limits = desk.workspace.config.public
    scope_key = f"{source}: {counted_unit}"
    is_withheld = core.withhold_figures(
        figures,
        read_public_tables(desk.workspace.public_path, scope_key),
        below=public_limits.withheld_below
        if counted_unit == OFFENCES
        else public_limits.people_withheld_below,
        blocks=blocks,
    )
    today = desk.today
    write_public_table(
        desk.workspace.public_path, scope_key, core.publishable(figures, is_withheld), made_on=today
    )
    return is_withheld


def withhold_comparison(desk: Desk, comparison: Comparison) -> Comparison:
    """The comparison as the public may see it."""
    figures, blocks = core.list_figures(comparison)
    groups = core.list_groups(comparison)
    is_withheld = withhold_figures(
        desk, figures, source=comparison.source, counted_unit=comparison.counted_unit, blocks=blocks
    )
    withheld_groups = {groups[block] for block, flag in zip(blocks, is_withheld, strict=True) if flag}
    return core.withhold_rows(comparison, frozenset(withheld_groups))


def withhold_expected(desk: Desk, report: ExpectedReport, *, counted_unit: str) -> ExpectedReport:
    """What was expected, as the public may see it."""
    figures = core.list_expected_figures(report)
    is_withheld = withhold_figures(desk, figures, source=report.source, counted_unit=counted_unit)
    return core.withhold_times(report, is_withheld)
