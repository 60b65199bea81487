"""What is asked, of which places, in which windows and by which method: written down before anything is read.

A protocol is fixed before its outcome is seen. What it leaves open could be chosen by the answer: each choice
is a field here, and none has a default that depends on the records.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from becalm.terms import Fault, Period
from becalm.terms.errors import suggest_word

Design = Literal["trial", "starts", "displacement", "difference", "calibrated", "interrupted", "offer"]
State = Literal["registered", "registered late", "exploratory"]

PLACE_DESIGNS: Final = (
    "displacement",
    "difference",
    "calibrated",
    "interrupted",
)  # they need a list of places
PLAN_DESIGNS: Final = ("trial", "starts")  # they rest on what `becalm patrol` drew
DRAWN_DESIGNS: Final = ("trial", "starts", "offer")  # chance decided who got it
DESIGN_HELP: Final[dict[Design, str]] = {
    "trial": "a trial whose arms were drawn by chance, tested by drawing them again by the same law",
    "starts": "days with more patrols than their chances said against days with fewer",
    "displacement": "weighted displacement difference: treated, control and the rings around both",
    "difference": "difference in differences on the log scale, with the breakdown value of its trends",
    "calibrated": "calibrated control: weights of many controls that match every window and covariate",
    "interrupted": "the treated places' series against its expected level, beside a control series",
    "offer": "offers in a sealed random order: who was offered help early against who was to wait",
}
LEAST_WORDS: Final = 4  # of the stopping rule and of what would change our mind: one word decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The offences that are counted, and what one of each weighs."""

    offence_groups: tuple[str, ...]
    harm_weights: tuple[float, ...] = ()

    @property
    def weights(self) -> tuple[float, ...]:
        """One weight for each group: 1 where none are given."""
        return self.harm_weights or (1.0,) * len(self.offence_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRule:
    """Which places, how large, how they were chosen, and how far around them is looked for displacement.

    `chosen_on` is the window whose counts chose the treated places; None where counts did not choose them.
    """

    file: str
    radius_m: float
    chosen_on: Period | None
    ring_m: float = 0.0
    covariates: tuple[str, ...] = ()
    treated: tuple[str, ...] = ()  # by name; empty: as the list itself says


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFiles:
    """What a trial or a plan left: folders of `becalm patrol trial` and `plan`, and delivered visits."""

    folder: str = ""
    plans: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The days that are compared, and those on which controls are matched."""

    before: Period
    after: Period
    matching: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """How the answer is made, and what is promised about it."""

    level: float
    smallest_effect: float  # the smallest fall that would matter, as a share
    multiplicity: str
    stopping: str
    placebo_sets: int = 999
    draws: int = 1_000  # of the law of a trial
    looks: tuple[float, ...] = ()  # shares of the days at which the outcome is looked at before the end
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What else could have been chosen with as good a reason: each is run too, and none is picked."""

    before: tuple[Period, ...] = ()
    radius_m: tuple[float, ...] = ()
    designs: tuple[Design, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One question with every choice that its answer depends on."""

    question: str
    design: Design
    outcome: Outcome
    places: PlaceRule
    windows: Windows
    analysis: Analysis
    choices: Choices
    change_our_mind: str
    trial: TrialFiles = TrialFiles()
    offer_file: str = ""

    @property
    def windows_read(self) -> tuple[Period, ...]:
        """Every window that counts are needed of."""
        chosen_on, windows = self.places.chosen_on, self.windows
        chosen_windows = (chosen_on,) if chosen_on else ()
        return (windows.before, windows.after, *windows.matching, *self.choices.before, *chosen_windows)


def find_faults(
    protocol: Protocol,
    *,
    first_day: date,
    found_by_police: frozenset[str],
    known_groups: frozenset[str] = frozenset(),
) -> tuple[Fault, ...]:
    """Everything about the protocol that can be refused before a place or a record is read.

    `first_day` is the first that the records cover; `found_by_police` are the offence groups that measure
    police work, `known_groups` all that there are (any, if empty).
    """
    return (
        *_find_wording_faults(protocol),
        *_find_window_faults(protocol, first_day),
        *_find_outcome_faults(protocol, found_by_police, known_groups),
        *_find_file_faults(protocol),
    )


def _find_file_faults(protocol: Protocol) -> Iterator[Fault]:
    """Names of files that the design needs, and windows that go with them."""
    design, trial = protocol.design, protocol.trial
    if design in PLACE_DESIGNS and not protocol.places.file:
        yield Fault("places.file", "is missing", "name the csv of places")
    if design == "trial" and not trial.folder:
        yield Fault("trial.folder", "is missing", "name the folder that `becalm patrol trial` wrote")
    if design == "starts" and not trial.plans:
        yield Fault("trial.plans", "is empty", "name the plans whose chances `becalm patrol chances` wrote")
    if design in PLAN_DESIGNS and protocol.choices.designs:
        yield Fault("choices.designs", f"need lists of places, which a {design} has not", "leave it empty")
    if design == "offer" and not protocol.offer_file:
        yield Fault("offer.file", "is missing", "name the csv of counts by wave")
    if list(protocol.analysis.looks) != sorted(set(protocol.analysis.looks)):
        yield Fault("analysis.looks", "are not in order", "write them from small to large, each once")


def _find_wording_faults(protocol: Protocol) -> Iterator[Fault]:
    if len(protocol.question.split()) < LEAST_WORDS:
        yield Fault("question", f"{protocol.question!r} is no question", "write it as a sentence")
    if len(protocol.analysis.stopping.split()) < LEAST_WORDS:
        yield Fault(
            "analysis.stopping",
            f"{protocol.analysis.stopping!r} is no stopping rule",
            'say when the answer is read, e.g. "read once, when June 2021 is complete"',
        )
    if len(protocol.change_our_mind.split()) < LEAST_WORDS:
        yield Fault("change_our_mind", "is missing", "say which result would make you think otherwise")


def _find_window_faults(protocol: Protocol, first_day: date) -> Iterator[Fault]:
    windows, chosen_on = protocol.windows, protocol.places.chosen_on
    if protocol.design == "offer":  # its counts come from divert, by wave, and not from the records
        return
    if windows.before.overlaps(windows.after):
        yield Fault("windows", f"before ({windows.before}) and after ({windows.after}) overlap", "part them")
    elif windows.after.start < windows.before.end:
        yield Fault("windows", "after lies before before", "exchange them")
    all_windows = (windows.before, *windows.matching, *((chosen_on,) if chosen_on else ()))
    early = sorted({str(w) for w in all_windows if w.start < first_day})
    if early:
        yield Fault(
            "windows",
            f"{'; '.join(early)}: the records begin on {first_day}",
            "choose later days, or ingest more",
        )
    late = [
        str(w)
        for w in (*windows.matching, *((chosen_on,) if chosen_on else ()))
        if w.end > windows.after.start
    ]
    if late:
        yield Fault("windows", f"{'; '.join(late)} reach into the days after the start", "end them before it")
    if protocol.design == "calibrated" and not windows.matching:
        yield Fault("windows.matching", "is empty", "name the windows that controls are matched on")


def _find_outcome_faults(
    protocol: Protocol, found_by_police: frozenset[str], known_groups: frozenset[str]
) -> Iterator[Fault]:
    groups, weights = protocol.outcome.offence_groups, protocol.outcome.harm_weights
    for group in groups if known_groups else ():
        if group not in known_groups:
            yield Fault(
                "outcome.offence_groups",
                f"{group!r} is no offence group",
                suggest_word(group, sorted(known_groups)).rstrip("."),
            )
    police_groups = sorted(set(groups) & found_by_police)
    if police_groups:
        yield Fault(
            "outcome.offence_groups",
            f"{', '.join(police_groups)} {'is' if len(police_groups) == 1 else 'are'} found by police, so "
            "patrols change how much is recorded",
            "choose offences that victims report",
        )
    if weights and len(weights) != len(groups):
        yield Fault(
            "outcome.harm_weights", f"{len(weights)} weights for {len(groups)} groups", "give one each"
        )
    if any(weight <= 0 for weight in weights):
        yield Fault("outcome.harm_weights", "must be above 0", "leave a group out that weighs nothing")
