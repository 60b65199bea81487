"""A distribution of routes: what it is made of, and what drawing from it gives.

A walker is on the way for some slots. Whenever it is free at a node i in a slot t it makes one choice: it
waits a slot, with weight 1, or it sets off to a place j, with the weight

    x[j] = link[i, j] factor[j] weight[row[s], j] fitting[j, room]      where s = t + slots[i, j]

of a visit there that starts in slot s; `room` is how many slots the place is free, and the walker can spare
before it must pause or be at home, and `fitting` the sum of the weights of the lengths that fit. So the
chance to set off is sum(x) / (1 + sum(x)) in every free slot: place, hour and room count, and what a walker
did before tells nothing but where it is. It pauses once within a window, in each free slot there with the
chance 1 / (1 + FREE_SHARE x slots left), so that no slot of the window is more likely than another by much;
and it ends at its home in time.

All sums run in a fixed order with plain additions and products: every machine gives the same bits, and one
bit is enough to turn a draw.

Sources: Luce, "Individual Choice Behavior" (1959), chapter 1 (weights and chances); Cover and Thomas,
"Elements of Information Theory" (2006), theorem 2.5.1 (entropy by the chain rule); Horvitz and Thompson,
Journal of the American Statistical Association 47 (1952) 663-685 (chances known beforehand).
"""

# The machine code that numba keeps on the disk names these classes by this module, and its index cannot be
# read where one is gone: whoever moves a class gives the modules of the kernels new names too.

from typing import NamedTuple

from becalm.methods.arrays import Bytes, Floats, Ints

FEEDBACK_LIMIT = 512  # in steps of the table of exponentials
FREE_SHARE = 0.25  # of its slots a walker is free to choose in


class Links(NamedTuple):
    """From each node (the places 0 .. n - 1 and the home n) to each place, and home."""

    slots: Ints  # [n + 1, n], at least 1; a link that does not exist has more slots than any route
    weight: Floats  # [n + 1, n]
    minutes: Floats  # [n + 1, n]
    home_slots: Ints  # [n + 1], slots to the home node
    home_minutes: Floats  # [n + 1]


class Walker(NamedTuple):
    """One walker: its time, its start and its pause; slots are counted from its own first one."""

    slots: int
    node: int  # where it starts
    pause_done: int  # 1: it needs no pause any more
    pause_slots: int
    pause_first: int  # a pause begins in one of the slots pause_first .. pause_last
    pause_last: int


class RouteLattice(NamedTuple):
    """Places, and slots of the whole time; drawing changes `free_slots`, `occupant` and `is_near`."""

    weight: Floats  # [rows, n] of a visit that starts in a slot of this row
    row: Ints  # [T]
    hour: Ints  # [T], the bin of each slot
    bins: int
    lengths: Ints  # [lengths], in slots
    length_minutes: Ints  # [lengths]
    length_weight: Floats  # [n, lengths], of each place together 1
    fitting_weight: Floats  # [n, longest + 1], of all lengths that fit so many slots
    length_entropy: Floats  # [n, longest + 1], nats of the choice among those
    free_slots: Bytes  # [T, n] from here on, at most those of the longest visit
    occupant: Ints  # [T, n] 0: free; -1: closed or taken; above 0: taken by this pair; [1, 1] without pairs
    is_near: Bytes  # [T, n] 1: within the soft gap of a visit; [1, 1] where no place has one
    near_weight: Floats  # [n]
    gap: Ints  # [n], in slots
    hard_gap: Ints  # [n], in slots; 0: none
    slot_minutes: int
    first_minute: int  # of slot 0, since the first cell began


class Walkers(NamedTuple):
    """Walkers in the order of drawing."""

    first_slot: Ints  # [U] slot of the lattice in which each begins
    fields: Ints  # [U, 6] the fields of Walker
    mode: Ints  # [U] which links it takes
    pair: Ints  # [U] 0: none
    is_open: Bytes  # [U, longest walk + 2] 0: no visit of this walker may overlap this slot of its own


class LinksByMode(NamedTuple):
    """Links by mode and home, each as in Links."""

    slots: Ints  # [W, n + 1, n]
    weight: Floats  # [W, n + 1, n]
    minutes: Floats  # [W, n + 1, n]
    home_slots: Ints  # [W, n + 1]
    home_minutes: Floats  # [W, n + 1]


class Feedback(NamedTuple):
    """How visits owed raise the weight of a place: table[round(strength x owed)], an exponential."""

    due_visits: Floats  # [U, n] visits that each walker means to give
    owed_visits: Floats  # [n] at the start; changed by drawing
    strength: float  # steps of the table per visit owed; 0: no feedback
    table: Floats  # [2 FEEDBACK_LIMIT + 1]


class RouteDraws(NamedTuple):
    """The routes that walkers were given, and what was to be expected at each choice that they made."""

    visits: Ints  # [count, 5]: walker, slot of the lattice, place, number of length, minutes into the slot
    pause: Ints  # [U, 2]: slot of the lattice or -1, minutes into the slot
    expected_visits: Floats  # [U, n]
    visits_by_room: Floats  # [n, longest + 1] expected, by the slots that they could have lasted
    expected_by_hour: Floats  # [n, bins] expected visits
    entropy: Floats  # [U] nats: of the choices that were made, each given those before it
    surprise: Floats  # [U] nats
    travel_minutes: Floats  # [U]


class CellChances(NamedTuple):
    """Chances by place and cell of equal minutes, added up while walkers are drawn; no cells: not wanted.

    Of each choice that first gives a place a start in a cell (or somebody there) its chance is added, so that
    the mean of many draws is the chance of a start. Walker u counts in cells below `end_cell[u]` alone.
    """

    start: Floats  # [n, cells]
    presence: Floats  # [n, cells]
    has_start: Bytes  # [n, cells]
    has_presence: Bytes  # [n, cells]
    end_cell: Ints  # [U]
    minutes: int  # of a cell
