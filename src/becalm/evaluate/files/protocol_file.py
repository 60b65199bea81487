"""protocol.toml: a draft with every choice explained, and the protocol that is read back from it."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from becalm.evaluate.core import protocol
from becalm.terms import InputError, Period, UsageError, parse_period
from becalm.workspace.reviewed_toml import Strict, check_recipe


def _check_window(text: str) -> str:
    try:
        _period(text)
    except UsageError as error:
        raise ValueError(error.message) from error
    return text


Window = Annotated[str, AfterValidator(_check_window)]


class OutcomeEntry(Strict):
    """The [outcome] table."""

    offence_groups: tuple[str, ...] = Field(min_length=1)
    harm_weights: tuple[float, ...] = ()


class PlacesEntry(Strict):
    """The [places] table."""

    file: str = Field(min_length=1)
    radius_m: float = Field(gt=0, le=5_000)
    chosen_on: Window | None = None
    ring_m: float = Field(default=0.0, ge=0, le=5_000)
    covariates: tuple[str, ...] = ()


class WindowsEntry(Strict):
    """The [windows] table."""

    before: Window
    after: Window
    matching: tuple[Window, ...] = ()


class AnalysisEntry(Strict):
    """The [analysis] table."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    smallest_effect: float = Field(gt=0, lt=1)
    multiplicity: str
    stopping: str
    placebo_sets: int = Field(default=999, ge=99, le=100_000)
    seed: int = Field(default=1, ge=0)


class ChoicesEntry(Strict):
    """The [choices] table."""

    before: tuple[Window, ...] = ()
    radius_m: tuple[float, ...] = ()
    designs: tuple[protocol.Design, ...] = ()


class ProtocolEntry(Strict):
    """A whole protocol."""

    question: str
    design: protocol.Design
    change_our_mind: str
    outcome: OutcomeEntry
    places: PlacesEntry
    windows: WindowsEntry
    analysis: AnalysisEntry
    choices: ChoicesEntry = ChoicesEntry()


def read_protocol(path: Path) -> protocol.Protocol:
    """The protocol in this file. Raises InputError with everything that is wrong with it."""
    entry, faults = check_recipe(path, ProtocolEntry)
    if entry is None:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} is not a protocol: {len(faults)} {noun}", faults)
    places, windows, choices = entry.places, entry.windows, entry.choices
    return protocol.Protocol(
        question=entry.question,
        design=entry.design,
        change_our_mind=entry.change_our_mind,
        outcome=protocol.Outcome(**entry.outcome.model_dump()),
        places=protocol.PlaceRule(
            file=places.file,
            radius_m=places.radius_m,
            chosen_on=_period(places.chosen_on) if places.chosen_on else None,
            ring_m=places.ring_m,
            covariates=places.covariates,
        ),
        windows=protocol.Windows(
            before=_period(windows.before), after=_period(windows.after), matching=_periods(windows.matching)
        ),
        analysis=protocol.Analysis(**entry.analysis.model_dump()),
        choices=protocol.Choices(
            before=_periods(choices.before), radius_m=choices.radius_m, designs=choices.designs
        ),
    )


def protocol_sha256(protocol_path: Path, places_path: Path) -> str:
    """One hash of the protocol's file and its list of places: a change to either is another protocol."""
    digest = hashlib.sha256(hashlib.sha256(protocol_path.read_bytes()).digest())
    digest.update(hashlib.sha256(places_path.read_bytes()).digest())
    return digest.hexdigest()


def _period(text: str) -> Period:
    if "last" in text.casefold():
        raise UsageError('A protocol names fixed days: write months, ISO weeks or days, not "last".')
    return parse_period(text, last_day=date.max).period


def _periods(texts: tuple[str, ...]) -> tuple[Period, ...]:
    return tuple(_period(text) for text in texts)


def draft_text(design: protocol.Design) -> str:
    """A protocol of this design to fill in, each choice with its reason."""
    matching = (
        'matching = ["2019-01..2019-06", "2019-07..2019-12"]  # controls match in each of these'
        if design == "calibrated"
        else "# matching: windows for calibrated control only"
    )
    return _DRAFT.format(design=design, design_help=protocol.DESIGN_HELP[design], matching=matching)


_DRAFT: Final = """\
# A protocol: what is asked, and how it will be answered. Fill it in before you look at the outcome, then
# register it: becalm evaluate register protocol.toml

question = "Did burst patrols lower robbery at the places that had them?"

# {design_help}
design = "{design}"

# Which result would make you think otherwise? Decide now.
change_our_mind = "An interval that holds no fall, or a rise in the rings as large as the fall."

[outcome]
# Offences that victims report. What police find by looking rises with patrols, and is refused.
offence_groups = ["robbery"]
# harm_weights = [1.0]  # one for each group, if a serious offence is to count more

[places]
# A csv with the columns place, easting_m, northing_m and arm (treated or control), and covariates.
file = "places.csv"
radius_m = 150.0
# The days whose counts chose the treated places. They had bad luck then, and fall by themselves: these days
# must not be used again. Leave it out only if counts did not choose them.
chosen_on = "2018-01..2018-12"
# How far around each place to look for displacement; 0 for not at all.
ring_m = 200.0
covariates = []

[windows]
before = "2019-01..2019-12"
after = "2020-01..2020-06"
{matching}

[analysis]
level = 0.95
# The smallest fall that would matter, as a share: 0.16 is the mean of published trials of hotspot patrols.
smallest_effect = 0.16
multiplicity = "One outcome and one test, so nothing is corrected."
stopping = "Read once, when the last month of the window after is complete."
placebo_sets = 999
seed = 1

[choices]
# What else could have been chosen with as good a reason. All are run and shown; none is picked.
before = []
radius_m = [100.0]
designs = []
"""
