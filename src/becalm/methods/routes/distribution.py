"""A Gibbs distribution over routes on a time-expanded graph: what it is made of and what it gives.

A walker is on the way for some slots. It starts at a node, makes visits of one of several lengths at
places, pauses once within a window, and ends at its home in time. The weight of a route is the product of
the weights of its visits (by start slot, place and length) and of its links; each route has a probability
in proportion to its weight, which makes it the distribution of largest entropy among all that have its
expected visits and links. Write m for the state of the pause (1: done), n for the home node, and

    visit[m, s, j] = sum over l of weight[s, j, l] free[m, s + length_l, j]
    wait[m, t, i]  = pause + sum over j of link[i, j] visit[m, t + slots[i, j], j] + wait[m, t + 1, i]
    free[m, t, i]  = wait[m, t, i] + 1 if m = 1 and home is reached in time

where pause = free[1, t + pause slots, i] if m = 0 and a pause may begin at t. `free` is the sum of the
weights of all that can follow a visit or a pause, `wait` of what can follow a slot of waiting. All sums run
in a fixed order with plain additions and products: every machine, and the reference in plain NumPy that the
tests hold the kernels against, gives the same bits, and one bit is enough to turn a draw.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Baum et al., Annals of Mathematical Statistics 41
(1970) 164-171 (forward-backward); Akamatsu, Transportation Research B 30 (1996) 369-386 (routes).
"""

from typing import NamedTuple

from becalm.methods.arrays import Bytes, Floats, Ints

FEEDBACK_LIMIT = 512  # in steps of the table of exponentials


class Links(NamedTuple):
    """From each node (the places 0 .. n - 1 and the home n) to each place, and home."""

    slots: Ints  # [n + 1, n], at least 1; a link that does not exist has more slots than any route
    weight: Floats  # [n + 1, n]
    minutes: Floats  # [n + 1, n]
    slack: Ints  # [n + 1, n], whole minutes by which `slots` exceed what the link needs
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


class BackwardSums(NamedTuple):
    """Sums of weights over all that can follow; `free_sums[pause_done, 0, node]` is that of all routes."""

    free_sums: Floats  # [2, slots + 1, n + 1]
    wait_sums: Floats  # [2, slots + 2, n + 1]
    visit_sums: Floats  # [2, slots + 1, n]


class Marginals(NamedTuple):
    """What the distribution expects of one walker."""

    start_chance: Floats  # [slots + 1, n]: probability that a visit starts
    visits_by_length: Floats  # [n, lengths]: expected
    link_flow: Floats  # [n + 1, n]: expected uses of each link
    last_node: Floats  # [n + 1]: probability that this is the node from which it goes home
    log_weight: Floats  # [1]: expected logarithm of the weights of its visits


class RouteLattice(NamedTuple):
    """Places, and slots of the whole time; slots beyond the last are closed."""

    weight: Floats  # [n, T] of a visit that starts in a slot
    length_weight: Floats  # [n, lengths]
    lengths: Ints  # [lengths], in slots
    closed: Bytes  # [n, T] 1: no visit may overlap this slot
    occupant: Ints  # [n, T] 0: free; -1: someone stands here; above 0: someone of this pair does
    is_near: Bytes  # [n, T] 1: within the gap of a visit
    near_weight: Floats  # [n]
    gap: Ints  # [n], in slots
    own_gap: Ints  # [n], slots that a walker keeps between its own visits; 0: no rule
    hour: Ints  # [T], the bin of each slot
    cell: Ints  # [T], the cell of each slot
    slot_minutes: int


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
    slack: Ints  # [W, n + 1, n]
    home_slots: Ints  # [W, n + 1]
    home_minutes: Floats  # [W, n + 1]


class Feedback(NamedTuple):
    """How visits owed raise the weight of a place: table[round(strength x owed)], an exponential."""

    due_visits: Floats  # [U, n] visits that each walker means to give
    owed_visits: Floats  # [n] at the start; changed by drawing
    strength: float  # steps of the table per visit owed; 0: no feedback
    table: Floats  # [2 FEEDBACK_LIMIT + 1]


class RouteDraws(NamedTuple):
    """The routes that walkers were given, and what was expected of each when it was drawn."""

    visits: Ints  # [count, 5]: walker, slot of the lattice, place, number of length, minutes into the slot
    pause: Ints  # [U, 2]: slot of the lattice or -1, minutes into the slot
    expected_visits: Floats  # [U, n] visits, given the walkers before
    visits_by_length: Floats  # [n, lengths] expected
    log_no_start: Floats  # [n, cells] log of the chance that no visit starts
    expected_by_hour: Floats  # [n, bins] expected visits
    entropy: Floats  # [U] nats
    surprise: Floats  # [U] nats
    travel_minutes: Floats  # [U]
    status: Ints  # [U] 0: well; 1: no route is possible; 2: own rule left none
