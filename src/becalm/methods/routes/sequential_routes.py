"""The shapes of many walkers on one ground: what a crowd is drawn from, and what becomes of it."""

from __future__ import annotations

from typing import NamedTuple

from becalm.methods.arrays import Bytes, Floats, Ints

FEEDBACK_LIMIT = 512  # in steps of the table of exponentials


class Ground(NamedTuple):
    """Places, and slots of the whole time; slots beyond the last are closed."""

    weight: Floats  # [n, T] of a visit that starts in a slot
    length_weight: Floats  # [n, lengths]
    lengths: Ints  # [lengths], in slots
    closed: Bytes  # [n, T] 1: no visit may overlap this slot
    taken: Ints  # [n, T] 0: free; -1: someone stands here; above 0: someone of this pair does
    near: Bytes  # [n, T] 1: within the gap of a visit
    near_weight: Floats  # [n]
    gap: Ints  # [n], in slots
    apart: Ints  # [n], slots that a walker keeps between its own visits; 0: no rule
    hour: Ints  # [T], the bin of each slot
    cell: Ints  # [T], the cell of each slot
    slot_minutes: int
    length_minutes: Ints  # [lengths]


class Crowd(NamedTuple):
    """Walkers in the order of drawing."""

    first: Ints  # [U] slot of the ground in which each begins
    walk: Ints  # [U, 6] the fields of Walk
    way: Ints  # [U] which ways it goes
    pair: Ints  # [U] 0: none
    open: Bytes  # [U, longest walk + 2] 0: no visit of this walker may overlap this slot of its own


class AllWays(NamedTuple):
    """Ways by mode and home, each as in Ways."""

    slots: Ints  # [W, n + 1, n]
    weight: Floats  # [W, n + 1, n]
    minutes: Floats  # [W, n + 1, n]
    slack: Ints  # [W, n + 1, n]
    home: Ints  # [W, n + 1]
    home_minutes: Floats  # [W, n + 1]


class Pull(NamedTuple):
    """How visits owed pull: exp(table[round(strength x owed)])."""

    due: Floats  # [U, n] visits that each walker means to give
    owed: Floats  # [n] at the start; changed by drawing
    strength: float  # steps of the table per visit owed; 0: no pull
    table: Floats  # [2 FEEDBACK_LIMIT + 1]


class Drawn(NamedTuple):
    """What became of the crowd."""

    visits: Ints  # [count, 5]: walker, slot of the ground, place, number of length, minutes into the slot
    pause: Ints  # [U, 2]: slot of the ground or -1, minutes into the slot
    expected: Floats  # [U, n] visits, given the walkers before
    lengths: Floats  # [n, lengths] expected visits by length
    absent: Floats  # [n, cells] log of the chance that no visit starts
    hours: Floats  # [n, bins] expected visits
    entropy: Floats  # [U] nats
    surprise: Floats  # [U] nats
    minutes: Floats  # [U] under way
    status: Ints  # [U] 0: well; 1: no walk is possible; 2: own rule left none
