"""Where a table begins in a sheet or a csv: below titles and notes, under one row of heads or two.

A row that fills less than half as many cells as the rows below it do is a title or a note, not the heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median_high
from typing import Any

from becalm.formats.sheet import file_refusal

ROWS_JUDGED = 60


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The heads of a table, one for each cell ("" where there is none), and what stands above them.

    `end` is how many rows stand before the first record.
    """

    names: tuple[str, ...]
    end: int
    titles: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What to say of titles above the heads, and of columns without a head."""
        head_notes = (
            [f"rows above the heads were passed over: {'; '.join(self.titles)[:120]}"] if self.titles else []
        )
        nameless_positions = [str(position) for position, name in enumerate(self.names, 1) if not name]
        if nameless_positions:
            head_notes.append(f"columns without a head were left out: number {', '.join(nameless_positions)}")
        return tuple(head_notes)


def find_head(rows: Sequence[Sequence[Any]], file_name: str, header_row: int | None = None) -> HeadRow:
    """Which of these first rows holds the heads? `header_row` says so, counted from 1.

    Raises InputError where two columns have one name, or there is no such row.
    """
    head_texts = [[plain_head(cell) for cell in row] for row in rows[: max(ROWS_JUDGED, header_row or 0)]]
    filled_cell_counts = [sum(map(bool, row)) for row in head_texts]
    if header_row is None:
        usual_width = median_high([width for width in filled_cell_counts if width] or [0])
        head_index = next(
            (i for i, width in enumerate(filled_cell_counts) if width and 2 * width >= usual_width), 0
        )
    else:
        head_index = header_row - 1
        if head_index >= len(filled_cell_counts) or not filled_cell_counts[head_index]:
            problem, remedy = f"has no heads in row {header_row}", "correct header_row in the mapping"
            raise file_refusal(file_name, problem, remedy)
    head_names, end = head_texts[head_index] if head_texts else [], head_index + 1
    if end < len(head_texts) and _is_second_head(head_names, head_texts[end]):
        head_names, end = _join_heads(head_names, head_texts[end]), end + 1
    elif head_index and _first_twin(
        head_names
    ):  # "From" twice: once under "Committed", once under "Recorded"
        head_names = _join_heads(head_texts[head_index - 1], head_names)
    if not any(head_names):
        raise file_refusal(file_name, "has no column names", "write a line of names above the records")
    if twin := _first_twin(head_names):
        raise file_refusal(file_name, f"has the column {twin!r} twice", "rename one of them")
    return HeadRow(
        tuple(head_names),
        end,
        tuple(" ".join(filter(None, row)) for row in head_texts[:head_index] if any(row)),
    )


def plain_head(cell: object) -> str:
    """A head on one line: line breaks and runs of spaces are one space; whole numbers carry no ".0"."""
    return "" if cell is None else " ".join(cell_text(cell).split())


def cell_text(cell: object) -> str:
    """A cell as text; whole numbers carry no ".0"."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _first_twin(names: Sequence[str]) -> str | None:
    return next((name for name in sorted(set(names)) if name and names.count(name) > 1), None)


def _is_second_head(heads: Sequence[str], below: Sequence[str]) -> bool:
    """Is the row below part of the heads: words alone, that stand under blanks or under a merged cell?"""
    head_pairs = list(zip_longest(heads, below, fillvalue=""))
    if any(character.isdigit() for text in below for character in text) or not all(map(any, head_pairs)):
        return False
    next_heads = [*(head for head, _ in head_pairs[1:]), "the end"]
    is_merged = [
        not (head and lower and next_head)
        for (head, lower), next_head in zip(head_pairs, next_heads, strict=True)
    ]
    return all(is_merged) and any(lower and not head for head, lower in head_pairs)


def _join_heads(upper_row: Sequence[str], lower_row: Sequence[str]) -> list[str]:
    """Each lower head after the one that it stands under; a merged cell fills the first place alone."""
    joined_heads, group_head = [], ""
    for upper, lower in zip_longest(upper_row, lower_row, fillvalue=""):
        group_head = upper or group_head
        joined_heads.append(f"{group_head} {lower}".strip() if lower else upper)
    return joined_heads
