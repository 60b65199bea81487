"""A sergeant's board as lines, rows and a page to print."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from becalm.patrol.files.unit_sheets import local_clock
from becalm.patrol.files.unit_tours import Stop
from becalm.patrol.files.write_plan import PlanDocument, instant
from becalm.render import number_format as words
from becalm.render.pages import self_contained

BOARD_COLUMNS = ("unit", "start", "end", "name", "hotspot", "task")


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One burst on the board."""

    unit: str
    stop: Stop


@dataclass(frozen=True, slots=True)
class Board:
    """One area within some minutes: bursts, units without any, and the re-plans of the day."""

    area: str
    at: datetime
    until: datetime
    rows: tuple[BoardRow, ...]
    resting: tuple[str, ...]
    changes: tuple[str, ...]
    plan: PlanDocument

    @property
    def hours_in_words(self) -> str:
        """From when until when, by the city's clocks."""
        return f"{local_clock(self.at, self.plan)} to {local_clock(self.until, self.plan)}"


def board_rows(board: Board) -> list[Mapping[str, object]]:
    """One row for each burst."""
    return [
        {
            "unit": row.unit,
            "start": row.stop.start,
            "end": row.stop.end,
            "name": row.stop.name,
            "hotspot": row.stop.hotspot,
            "task": row.stop.task,
        }
        for row in board.rows
    ]


def board_object(board: Board) -> dict[str, object]:
    """The board as other programs read it."""
    return {
        "area": board.area,
        "at": instant(board.at),
        "until": instant(board.until),
        "bursts": board_rows(board),
        "without_burst": list(board.resting),
        "changes": list(board.changes),
    }


def board_lines(board: Board) -> Iterator[str]:
    """The board for a screen."""
    yield f"{board.area}, {board.hours_in_words}: the rest stays sealed."
    for row in board.rows:
        stop = row.stop
        code_text = "" if stop.name == stop.hotspot else f" ({stop.hotspot})"
        yield f"{stop.start} to {stop.end}  {row.unit}: {stop.name}{code_text}"
    if not board.rows:
        yield "No burst begins within this time."
    if board.resting:
        yield f"Without a burst within this time: {', '.join(board.resting)}."
    yield from board.changes


def board_page(board: Board) -> str:
    """The board as a page for one side of paper."""
    plan = board.plan
    return self_contained(
        "patrol_board.html",
        board=board,
        day_in_words=words.day(board.at.date()),
        title=f"Board of {board.area}",
        subtitle="Sergeant's board",
        version=plan.version,
        colophon=f"Times are those of {plan.inputs.zone}. What comes later stays sealed.",
    )
