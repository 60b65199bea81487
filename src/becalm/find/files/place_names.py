"""Names and numbers on a map: each where it fits, none over another, none cut by the edge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from becalm.render import svg

_WIDTH_OF_A_LETTER = 0.56  # of the font size, in a plain sans serif


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    left_x: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        """The box with this middle."""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def meets(self, box: Box) -> bool:
        """Whether the two share ground."""
        return (
            self.left_x < box.right
            and box.left_x < self.right
            and self.top < box.bottom
            and box.top < self.bottom
        )

    def contains(self, box: Box) -> bool:
        """Whether the box lies wholly inside."""
        return (
            self.left_x <= box.left_x
            and box.right <= self.right
            and self.top <= box.top
            and box.bottom <= self.bottom
        )


def place_names(
    spots: Iterable[tuple[str, tuple[float, float], float]],
    *,
    window: Box,
    occupied: tuple[Box, ...] = (),
    size: float,
) -> list[tuple[float, float, str]]:
    """Lines of text with the middle of their baseline; a name that fits nowhere is left out.

    Each spot is a name, the best middle for it and the width of its area; wide areas come first.
    """
    boxes = list(occupied)
    lines: list[tuple[float, float, str]] = []
    for name, (x, y), room in sorted(spots, key=lambda spot: (-spot[2], spot[0])):
        parts = break_lines(
            name, most=max(room * 0.95, 9 * size * _WIDTH_OF_A_LETTER) / (size * _WIDTH_OF_A_LETTER)
        )
        wide = max(len(part) for part in parts) * size * _WIDTH_OF_A_LETTER
        high = len(parts) * size * 1.15
        for dy in (0.0, -high * 0.6, high * 0.6, -high, high):
            box = Box.around(x, y + dy, wide, high)
            if window.contains(box) and not any(box.meets(occupied_box) for occupied_box in boxes):
                boxes.append(box)
                first = box.top + size * 0.95
                lines += [(x, first + i * size * 1.15, part) for i, part in enumerate(parts)]
                break
    return lines


def break_lines(name: str, *, most: float) -> tuple[str, ...]:
    """The name in lines of at most so many letters where its spaces allow it.

    >>> break_lines("Kensington and Chelsea", most=12)
    ('Kensington', 'and Chelsea')
    """
    lines: list[str] = []
    for word in name.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines) or (name,)


def number_marks(
    marks: tuple[tuple[str, tuple[float, float]], ...], *, numbered: int, window: Box, size: float
) -> tuple[Markup, tuple[Box, ...]]:
    """Numbers beside the first so many marks, over no mark and no other number; and the ground they occupy.

    A number that stands apart from its mark is tied to it by a line; one that finds no room is left out.
    """
    occupied = [Box.around(x, y, 2 * size, 2 * size) for _, (x, y) in marks]
    lines: list[Markup] = []
    texts: list[Markup] = []
    for rank, (x, y) in marks[:numbered]:
        wide, high = 7.0 * len(rank) + 1, 10.0
        for dx, dy, is_apart in _offsets(size, wide, high):
            box = Box.around(x + dx, y + dy, wide, high)
            if window.contains(box) and not any(box.meets(occupied_box) for occupied_box in occupied):
                occupied.append(box)
                texts.append(svg.text(x + dx, y + dy + 4.0, rank, class_="rank", text_anchor="middle"))
                lines += [svg.line(x, y, x + dx * 0.8, y + dy * 0.8, class_="tie")] if is_apart else []
                break
    return svg.group([*lines, *texts]), tuple(occupied)


def _offsets(size: float, wide: float, high: float) -> Iterator[tuple[float, float, bool]]:
    """Places around a mark, the nearest first: beside it, then ever further out."""
    for gap in (2.0, 9.0, 17.0, 26.0, 36.0, 48.0):
        for turn in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11):
            angle = turn * math.pi / 8
            reach_x, reach_y = size + gap + wide / 2, size + gap + high / 2
            yield reach_x * math.cos(angle), -reach_y * math.sin(angle), gap > 2.0
