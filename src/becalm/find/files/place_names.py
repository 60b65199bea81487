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
    occupied_boxes = list(occupied)
    text_lines: list[tuple[float, float, str]] = []
    for name, (x, y), room_width in sorted(spots, key=lambda spot: (-spot[2], spot[0])):
        name_lines = break_lines(
            name, most=max(room_width * 0.95, 9 * size * _WIDTH_OF_A_LETTER) / (size * _WIDTH_OF_A_LETTER)
        )
        text_width = max(len(part) for part in name_lines) * size * _WIDTH_OF_A_LETTER
        text_height = len(name_lines) * size * 1.15
        for dy in (0.0, -text_height * 0.6, text_height * 0.6, -text_height, text_height):
            box = Box.around(x, y + dy, text_width, text_height)
            if window.contains(box) and not any(box.meets(occupied_box) for occupied_box in occupied_boxes):
                occupied_boxes.append(box)
                baseline = box.top + size * 0.95
                text_lines += [(x, baseline + i * size * 1.15, part) for i, part in enumerate(name_lines)]
                break
    return text_lines


def break_lines(name: str, *, most: float) -> tuple[str, ...]:
    """The name in lines of at most so many letters where its spaces allow it.

    >>> break_lines("Kensington and Chelsea", most=12)
    ('Kensington', 'and Chelsea')
    """
    name_lines: list[str] = []
    for word in name.split():
        if name_lines and len(name_lines[-1]) + 1 + len(word) <= most:
            name_lines[-1] = f"{name_lines[-1]} {word}"
        else:
            name_lines.append(word)
    return tuple(name_lines) or (name,)


def number_marks(
    marks: tuple[tuple[str, tuple[float, float]], ...], *, numbered: int, window: Box, size: float
) -> tuple[Markup, tuple[Box, ...]]:
    """Numbers beside the first so many marks, over no mark and no other number; and the ground they occupy.

    A number that stands apart from its mark is tied to it by a line; one that finds no room is left out.
    """
    occupied = [Box.around(x, y, 2 * size, 2 * size) for _, (x, y) in marks]
    tie_lines: list[Markup] = []
    rank_texts: list[Markup] = []
    for rank, (x, y) in marks[:numbered]:
        text_width, text_height = 7.0 * len(rank) + 1, 10.0
        for dx, dy, is_apart in _offsets(size, text_width, text_height):
            box = Box.around(x + dx, y + dy, text_width, text_height)
            if window.contains(box) and not any(box.meets(occupied_box) for occupied_box in occupied):
                occupied.append(box)
                rank_texts.append(svg.text(x + dx, y + dy + 4.0, rank, class_="rank", text_anchor="middle"))
                tie_lines += [svg.line(x, y, x + dx * 0.8, y + dy * 0.8, class_="tie")] if is_apart else []
                break
    return svg.group([*tie_lines, *rank_texts]), tuple(occupied)


def _offsets(size: float, wide: float, high: float) -> Iterator[tuple[float, float, bool]]:
    """Places around a mark, the nearest first: beside it, then ever further out."""
    for gap in (2.0, 9.0, 17.0, 26.0, 36.0, 48.0):
        for sixteenths in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11):
            angle = sixteenths * math.pi / 8
            offset_x, offset_y = size + gap + wide / 2, size + gap + high / 2
            yield offset_x * math.cos(angle), -offset_y * math.sin(angle), gap > 2.0
