"""Names on a map: each where it fits, none over another, none cut by the edge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_WIDTH_OF_A_LETTER = 0.56  # of the font size, in a plain sans serif


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        """The box with this middle."""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def meets(self, other: Box) -> bool:
        """Whether the two share ground."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def contains(self, other: Box) -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def placed_names(
    spots: Iterable[tuple[str, tuple[float, float], float]],
    *,
    window: Box,
    taken: tuple[Box, ...] = (),
    size: float,
) -> list[tuple[float, float, str]]:
    """Lines of text with the middle of their baseline; a name that fits nowhere is left out.

    Each spot is a name, the best middle for it and the width of its area; wide areas come first.
    """
    filled = list(taken)
    lines: list[tuple[float, float, str]] = []
    for name, (x, y), room in sorted(spots, key=lambda spot: (-spot[2], spot[0])):
        parts = broken(
            name, most=max(room * 0.95, 9 * size * _WIDTH_OF_A_LETTER) / (size * _WIDTH_OF_A_LETTER)
        )
        wide = max(len(part) for part in parts) * size * _WIDTH_OF_A_LETTER
        high = len(parts) * size * 1.15
        for dy in (0.0, -high * 0.6, high * 0.6, -high, high):
            box = Box.around(x, y + dy, wide, high)
            if window.contains(box) and not any(box.meets(other) for other in filled):
                filled.append(box)
                first = box.top + size * 0.95
                lines += [(x, first + i * size * 1.15, part) for i, part in enumerate(parts)]
                break
    return lines


def broken(name: str, *, most: float) -> tuple[str, ...]:
    """The name in lines of at most so many letters where its spaces allow it.

    >>> broken("Kensington and Chelsea", most=12)
    ('Kensington', 'and Chelsea')
    """
    lines: list[str] = []
    for word in name.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines) or (name,)
