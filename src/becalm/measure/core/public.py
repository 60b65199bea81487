"""Public tables: small counts are withheld, and as many others as it takes that nothing gives them back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from becalm.measure.core.comparison import Comparison, ComparisonRow, Contrast
from becalm.measure.core.expected import ExpectedReport
from becalm.measure.core.group_series import TOTAL
from becalm.methods.arrays import Bools, Floats
from becalm.methods.cell_suppression import Tables, list_unsafe, withhold_cells
from becalm.terms import Period, QuestionError

COUNTS_IN_WARNING: Final = re.compile(
    r" \([\d,]+ in the baseline, [\d,]+ in the period\)"
)  # of excluded groups
WITHHELD_NOTE: Final = "withheld: a small count, or one that would give a small count away"


@dataclass(frozen=True, slots=True)
class PublicFigure:
    """One count of a public table: a group of a grouping in some windows of days.

    `key` holds a name for each of `by`, or for the first of them alone (a sum over the others), or none (the
    sum of all); "" stands for the sum over that grouping. `count` is None where it is withheld.
    """

    by: tuple[str, ...]
    key: tuple[str, ...]
    windows: tuple[Period, ...]
    count: int | None


def withhold_figures(
    figures: Sequence[PublicFigure],
    former_figures: Sequence[PublicFigure],
    *,
    below: int,
    blocks: Sequence[int] | None = None,
) -> tuple[bool, ...]:
    """Which of these figures are withheld, so that no margin, subtotal or former table gives them back?

    Counts of 1 to `below` - 1 are small. Figures of one block are shown or withheld together. What former
    tables withheld is protected too: April and May together would give April back where May is known.
    """
    own_blocks = list(range(len(figures)) if blocks is None else blocks)
    former_withheld = [f for f in former_figures if f.count is None and not _is_among(f, figures)]
    all_blocks = [*own_blocks, *range(max(own_blocks) + 1, max(own_blocks) + 1 + len(former_withheld))]
    tables = build_tables((*figures, *former_withheld), former_figures, all_blocks)
    is_former = np.arange(len(all_blocks)) >= len(figures)
    # What the former tables give away by themselves cannot be protected any more.
    is_lost = np.isin(np.arange(len(all_blocks)), list(list_unsafe(tables, np.ones_like(is_former))))
    is_small = (tables.values > 0) & (tables.values < below) & ~is_former
    is_withheld = withhold_cells(tables, is_small | is_former, is_ignored=is_former & is_lost)
    return tuple(is_withheld[: len(figures)].tolist())


def _is_among(figure: PublicFigure, figures: Sequence[PublicFigure]) -> bool:
    return any((f.by, f.key, f.windows) == (figure.by, figure.key, figure.windows) for f in figures)


def build_tables(
    figures: Sequence[PublicFigure],
    former_figures: Sequence[PublicFigure],
    blocks: Sequence[int] | None = None,
) -> Tables:
    """The figures as sums over unseen parts: each finest group in each stretch between edges of windows."""
    parts = _Parts.of((*figures, *former_figures))
    known_figures = [figure for figure in former_figures if figure.count is not None]
    equal_sums = list(parts.equal_sums())
    equations = np.array([*map(parts.row_of, known_figures), *equal_sums]).reshape(-1, parts.part_count)
    right_hand_sides = np.array([*(float(f.count or 0) for f in known_figures), *(0.0 for _ in equal_sums)])
    return Tables(
        cells=csr_array(np.array([parts.row_of(figure) for figure in figures])),
        values=np.array([figure.count or 0 for figure in figures]),
        equations=csr_array(equations),
        sides=right_hand_sides,
        blocks=np.arange(len(figures)) if blocks is None else np.asarray(blocks),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """The unseen parts that all figures are sums of: a finest key of a grouping in a stretch of days."""

    keys: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]  # grouping and key
    starts: tuple[date, ...]  # of the stretches

    @classmethod
    def of(cls, figures: Sequence[PublicFigure]) -> "_Parts":
        """The parts of these figures: stretches run from edge to edge of their windows."""
        edge_days = sorted({day for f in figures for w in f.windows for day in (w.start, w.end)})
        finest_keys = dict.fromkeys((f.by, f.key) for f in figures if len(f.key) == len(f.by) and all(f.key))
        return cls(tuple(finest_keys), tuple(edge_days[:-1]))

    @property
    def part_count(self) -> int:
        """How many parts there are."""
        return len(self.keys) * len(self.starts)

    def row_of(self, figure: PublicFigure) -> Floats:
        """1 for each part that the figure holds."""
        has_key = [
            by == figure.by
            and all(key_name in ("", name) for key_name, name in zip(figure.key, key, strict=False))
            for by, key in self.keys
        ]
        has_day = [any(w.start <= start < w.end for w in figure.windows) for start in self.starts]
        return np.outer(has_key, has_day).astype(np.float64).ravel()

    def equal_sums(self) -> Iterator[Floats]:
        """What is equal by its meaning: the sums of all groups, and of what two groupings have in common."""
        for coarse, fine in combinations(dict.fromkeys(by for by, _ in self.keys), 2):
            common_grouping = next((by for by in (coarse, fine) if coarse[: len(by)] == fine[: len(by)]), ())
            for prefix in {key[: len(common_grouping)] for by, key in self.keys if by in (coarse, fine)}:
                equation_terms = [
                    {coarse: 1.0, fine: -1.0}.get(by, 0.0) * (key[: len(prefix)] == prefix)
                    for by, key in self.keys
                ]
                for stretch in np.eye(len(self.starts)):
                    yield np.outer(equation_terms, stretch).ravel()


def list_figures(comparison: Comparison) -> tuple[tuple[PublicFigure, ...], tuple[int, ...]]:
    """Every count of a comparison, and the number of the group that each belongs to.

    A group is shown or withheld against all baselines alike: its count in the period is the same.
    """
    by = tuple(comparison.by.split(", "))
    groups = list_groups(comparison)
    figure_by_cell: dict[tuple[str, tuple[Period, ...]], tuple[PublicFigure, int]] = {}
    for contrast in comparison.against:
        for row in contrast.all_rows:
            key = () if row is contrast.total else (row.group,)
            windows = contrast.baseline.windows
            for cell_windows, count in (
                ((comparison.period,), row.new),
                (windows, round(row.old * len(windows))),
            ):
                figure = PublicFigure(by, key, cell_windows, count)
                figure_by_cell[row.group, cell_windows] = (figure, groups.index(row.group))
    figures, blocks = zip(*figure_by_cell.values(), strict=True)
    return figures, blocks


def list_groups(comparison: Comparison) -> list[str]:
    """The total, and every group of a comparison."""
    return [TOTAL, *dict.fromkeys(row.group for contrast in comparison.against for row in contrast.rows)]


def withhold_rows(comparison: Comparison, withheld_groups: frozenset[str]) -> Comparison:
    """The comparison without the counts of these groups and all that is worked out from them.

    Raises QuestionError where the total is among them, so that nothing would be left.
    """
    if TOTAL in withheld_groups:
        raise QuestionError(
            "All of this table must be withheld: its counts are so small that the total gives them away. "
            "Ask for a longer period, or for fewer groups."
        )
    return replace(
        comparison,
        against=tuple(_withhold_contrast(contrast, withheld_groups) for contrast in comparison.against),
        warnings=tuple(COUNTS_IN_WARNING.sub("", warning) for warning in comparison.warnings),
    )


def _withhold_contrast(contrast: Contrast, withheld_groups: frozenset[str]) -> Contrast:
    return replace(
        contrast,
        rows=tuple(_withhold_row(row) if row.group in withheld_groups else row for row in contrast.rows),
    )


def _withhold_row(row: ComparisonRow) -> ComparisonRow:
    return ComparisonRow(
        group=row.group,
        label=row.label,
        new=0,
        old=0.0,
        difference=0.0,
        change_percent=None,
        ratio=None,
        low=0.0,
        high=float("inf"),
        method="withheld",
        found_by=row.found_by,
        p_value=None,
        q_value=None,
        overdispersion=1.0,
        notes=(WITHHELD_NOTE,),
        is_withheld=True,
    )


def list_expected_figures(report: ExpectedReport) -> tuple[PublicFigure, ...]:
    """Every count of what was expected: each series and time, then each series over the period."""
    by = tuple(report.by.split(", "))
    figures = []
    for series in report.series:
        key = () if series.group == TOTAL else tuple(series.group.split(", ", len(by) - 1))
        ends = [time.start for time in series.times[1:]] + [report.period.end]
        figures += [
            PublicFigure(by, key, (Period(time.start, end),), time.count)
            for time, end in zip(series.times, ends, strict=True)
        ]
        figures.append(PublicFigure(by, key, (report.period,), series.count))
    return tuple(figures)


def withhold_times(report: ExpectedReport, is_withheld: Sequence[bool] | Bools) -> ExpectedReport:
    """The report without these counts, in the order of `list_expected_figures`, and what tells of them."""
    flag_iterator = iter(is_withheld)
    series = []
    for series_report in report.series:
        times = tuple(
            replace(time, count=None) if next(flag_iterator) else time for time in series_report.times
        )
        series_report = replace(series_report, times=times)
        if next(flag_iterator):
            series_report = replace(series_report, count=None, ratio=None, p_value=None, q_value=None)
        series.append(series_report)
    return replace(report, series=tuple(series))


def publishable(figures: Sequence[PublicFigure], is_withheld: Sequence[bool]) -> tuple[PublicFigure, ...]:
    """The figures as they are published: without the counts that are withheld."""
    return tuple(
        replace(figure, count=None) if is_cell_withheld else figure
        for figure, is_cell_withheld in zip(figures, is_withheld, strict=True)
    )
