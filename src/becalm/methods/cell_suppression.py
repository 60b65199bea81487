"""Which cells of published tables must be withheld, so that small ones cannot be worked out from the others?

All cells are sums over the same unseen parts (each group in each stretch of time): a margin is the sum of its
cells, a longer period that of its shorter ones. Whoever knows every published sum, those of former tables,
and that no part is negative can bound a withheld cell by two linear programmes: its least and its largest
value under all these equations. Small cells are withheld; as long as one of them can be bound within fewer
than `LEAST_VALUES` whole numbers, the smallest published cell beside it under the same margin is withheld
too, or the margin where no other cell is left.

Sources: Cox, J. American Statistical Association 75 (1980) 377-385; Hundepool et al., Statistical Disclosure
Control (2012) ch. 4, for the attack and for secondary suppression.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from becalm.methods.arrays import Bools, Floats, Ints

LEAST_VALUES: Final = 4
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Tables:
    """Cells as sums over unseen parts, and what is known beside them.

    `cells` is (cells, parts), `values` the count of each cell; `equations` (any, parts) and `sides` hold for
    the parts whatever is withheld: former tables, and sums that are equal by their meaning. `blocks[c]`
    numbers the row of the table that cell c stands in: its cells are shown or withheld together.
    """

    cells: csr_array
    values: Ints
    equations: csr_array
    sides: Floats
    blocks: Ints

    def attack(self, is_withheld: Bools, cell: int) -> tuple[float, float]:
        """Between which values must this withheld cell lie, by all that is published?

        Where former tables contradict these (counts were revised), they are left out.
        """
        published_cells = np.flatnonzero(~is_withheld)
        for former in ((self.equations, self.sides), None):
            equations, sides = self.cells[published_cells], self.values[published_cells].astype(np.float64)
            if former is not None:
                equations, sides = vstack([equations, former[0]]), np.concatenate([sides, former[1]])
            target_row = self.cells[[cell]].toarray()[0]
            low, high = (_extreme(side * target_row, equations, sides) for side in (1.0, -1.0))
            if low is not None and high is not None:
                return low, -high
        raise ValueError("The published cells contradict each other: they are no sums over the same parts.")


def withhold_cells(tables: Tables, is_small: Bools, *, is_ignored: Bools | None = None) -> Bools:
    """Which cells are withheld, so that none of the small ones or of those beside them can be worked out?

    Cells that are ignored stay withheld, but nobody minds if they can be worked out.
    """
    ignored_cells = set() if is_ignored is None else set(np.flatnonzero(is_ignored).tolist())
    is_withheld = _close_blocks(is_small, tables.blocks)
    for _ in range(is_withheld.size):
        unsafe_cells = (cell for cell in list_unsafe(tables, is_withheld) if cell not in ignored_cells)
        unsafe_cell = next(unsafe_cells, None)
        if unsafe_cell is None:
            return is_withheld
        is_withheld = _close_blocks(_add_neighbour(tables, is_withheld, unsafe_cell), tables.blocks)
    return np.ones_like(is_withheld)


def list_unsafe(tables: Tables, is_withheld: Bools) -> Iterator[int]:
    """Which withheld cells can be bound within fewer than LEAST_VALUES whole numbers?"""
    for cell in np.flatnonzero(is_withheld):
        low, high = tables.attack(is_withheld, int(cell))
        if np.floor(high + _TOLERANCE) - np.ceil(low - _TOLERANCE) + 1 < LEAST_VALUES:
            yield int(cell)


def _extreme(objective: Floats, equations: csr_array, sides: Floats) -> float | None:
    """The least value of the objective over all parts that are not negative; None where there are none."""
    solution = linprog(objective, A_eq=equations, b_eq=sides, bounds=(0, None), method="highs")
    if solution.status == 3:  # nothing bounds it
        return -np.inf
    return float(solution.fun) if solution.success else None


def _add_neighbour(tables: Tables, is_withheld: Bools, cell: int) -> Bools:
    """Withhold the smallest published cell beside this one, or the margin above it."""
    is_part = tables.cells[[cell]].toarray()[0] > 0
    part_counts = np.asarray(tables.cells.sum(axis=1)).ravel()
    shares_parts = np.asarray(tables.cells @ is_part.astype(np.float64)).ravel() > 0
    margin_cells = np.flatnonzero(shares_parts & ~is_withheld)
    margin_parts = (tables.cells[margin_cells].sum(axis=0) > 0).astype(np.float64)
    is_within = np.asarray(tables.cells @ margin_parts).ravel() == part_counts
    is_margin = np.zeros_like(is_withheld)
    is_margin[margin_cells] = True
    for candidates in (is_within & ~is_margin, is_margin, np.ones_like(is_withheld)):
        free_cells = np.flatnonzero(candidates & ~is_withheld & (tables.values > 0))
        if free_cells.size:
            chosen_cell = free_cells[np.argmin(tables.values[free_cells])]
            return np.asarray(is_withheld | (np.arange(is_withheld.size) == chosen_cell))
    return np.ones_like(is_withheld)


def _close_blocks(is_withheld: Bools, blocks: Sequence[int] | Ints) -> Bools:
    """Withhold every cell of a row that holds a withheld one."""
    return np.isin(blocks, np.unique(np.asarray(blocks)[is_withheld]))
