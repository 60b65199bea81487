"""The report on differences as rows, lines and a page: nothing is left out because it is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby

from becalm.divert.core.disparity import STAGES, DisparityRow
from becalm.divert.files.reasons_page import notice_of
from becalm.render.document import Document, DocumentTable, Section, text_table
from becalm.render.number_format import decimal

NOT_ESTIMABLE = "not estimable"
WITHHELD_TEXT = "withheld"  # a small count, from whoever sees counts alone
HEADS = ("group", "stage", "counted", "of", "ratio to all others")


def disparity_rows(rows: Sequence[DisparityRow]) -> list[dict[str, object]]:
    """One row for each group, stage and denominator."""
    return [
        {
            **{name: value for name, value in asdict(row).items() if name != "ratio"},
            "ratio": row.ratio.value if row.ratio else None,
            "low": row.ratio.low if row.ratio else None,
            "high": row.ratio.high if row.ratio else None,
            "level": row.ratio.level if row.ratio else None,
            "note": "" if row.ratio else _without_ratio(row),
        }
        for row in rows
    ]


def disparity_document(
    title: str, rows: Sequence[DisparityRow], missing_shares: Mapping[str, float], mode: str
) -> Document:
    """The report to read and to print."""
    missing_text = ", ".join(
        f"{name.replace('_', ' ')} {share:.0%}" for name, share in missing_shares.items()
    )
    sections = [
        Section(
            "How to read this",
            (
                "A ratio of 1 means that the group's share at this stage is that of all others. The "
                "interval holds the true ratio in 95 of 100 cases.",
                "Nothing passes by itself: somebody answers for it.",
                f"Nobody has reached the stage: {_empty_stages(rows)}.",
                f"Not recorded: {missing_text}. A group that nobody recorded is shown as a group.",
            ),
        )
    ]
    reached_rows = [row for row in rows if row.is_reached]
    keyed = sorted(reached_rows, key=lambda row: (row.characteristic, row.denominator))
    for (characteristic, denominator), group_rows in groupby(
        keyed, key=lambda row: (row.characteristic, row.denominator)
    ):
        heading = f"{characteristic.replace('_', ' ')}, against {denominator}"
        sections.append(Section(heading, tables=(_table(list(group_rows)),)))
    return Document(title, tuple(sections), notice_of(mode), subtitle="Differences between groups")


def _empty_stages(rows: Sequence[DisparityRow]) -> str:
    reached_stages = {row.stage for row in rows if row.is_reached}
    return ", ".join(stage for stage in STAGES if stage not in reached_stages) or "none"


def _table(rows: Sequence[DisparityRow]) -> DocumentTable:
    cells = [(row.group, row.stage, *map(_number, (row.count, row.total)), _ratio_text(row)) for row in rows]
    return text_table(HEADS, cells)


def _number(count: int | None) -> str | int:
    return WITHHELD_TEXT if count is None else count


def _without_ratio(row: DisparityRow) -> str:
    return WITHHELD_TEXT if row.count is None else NOT_ESTIMABLE


def _ratio_text(row: DisparityRow) -> str:
    if row.ratio is None:
        return _without_ratio(row)
    high = "no end" if row.ratio.high == float("inf") else decimal(row.ratio.high, 2)
    value = "no end" if row.ratio.value == float("inf") else decimal(row.ratio.value, 2)
    return f"{value} ({decimal(row.ratio.low, 2)} to {high})"
