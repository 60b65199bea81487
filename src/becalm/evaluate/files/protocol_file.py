"""protocol.toml: a draft with every choice explained, and the protocol that is read back from it."""

import hashlib
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from becalm.evaluate.core import protocol
from becalm.terms import Fault, InputError, Period, UsageError, parse_period
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

    file: str = ""
    radius_m: float = Field(gt=0, le=5_000)
    chosen_on: Window | None = None
    ring_m: float = Field(default=0.0, ge=0, le=5_000)
    covariates: tuple[str, ...] = ()
    treated: tuple[str, ...] = ()


class TrialEntry(Strict):
    """The [trial] table."""

    folder: str = ""
    plans: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()


class OfferEntry(Strict):
    """The [offer] table."""

    file: str = ""


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
    draws: int = Field(default=1_000, ge=200, le=100_000)
    looks: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
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
    trial: TrialEntry = TrialEntry()
    offer: OfferEntry = OfferEntry()


def read_protocol(path: Path) -> protocol.Protocol:
    """The protocol in this file. Raises InputError with everything that is wrong with it."""
    read, faults = check_protocol(path)
    if read is None:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} is not a protocol: {len(faults)} {noun}", faults)
    return read


def check_protocol(path: Path) -> tuple[protocol.Protocol | None, tuple[Fault, ...]]:
    """The protocol in this file, or everything that keeps it from being one."""
    entry, faults = check_recipe(path, ProtocolEntry)
    return (_build_protocol(entry) if entry is not None else None), faults


def _build_protocol(entry: ProtocolEntry) -> protocol.Protocol:
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
            treated=places.treated,
        ),
        windows=protocol.Windows(
            before=_period(windows.before), after=_period(windows.after), matching=_periods(windows.matching)
        ),
        analysis=protocol.Analysis(**entry.analysis.model_dump()),
        choices=protocol.Choices(
            before=_periods(choices.before), radius_m=choices.radius_m, designs=choices.designs
        ),
        trial=protocol.TrialFiles(**entry.trial.model_dump()),
        offer_file=entry.offer.file,
    )


def protocol_sha256(protocol_path: Path, named_files: Sequence[Path]) -> str:
    """One hash of the protocol's file and of what it names, e.g. its places: a change is another protocol.

    What is delivered after the protocol was fixed (visits, plans, counts by wave) is no part of it.
    """
    digest = hashlib.sha256(hashlib.sha256(protocol_path.read_bytes()).digest())
    for path in named_files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def named_places(path: Path) -> str:
    """The list of places that a file names which is no protocol, so that its faults are told too."""
    try:
        places_section = tomllib.loads(path.read_text("utf-8")).get("places", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""
    return str(places_section.get("file", "")) if isinstance(places_section, dict) else ""


def _period(text: str) -> Period:
    if "last" in text.casefold():
        raise UsageError('A protocol names fixed days: write months, ISO weeks or days, not "last".')
    return parse_period(text, last_day=date.max).period


def _periods(texts: tuple[str, ...]) -> tuple[Period, ...]:
    return tuple(_period(text) for text in texts)


def draft_text(design: protocol.Design) -> str:
    """A protocol of this design to fill in, each choice with its reason."""
    return _DRAFT.format(
        design=design,
        design_help=protocol.DESIGN_HELP[design],
        places=_PLACES_DRAFTS.get(design, _LISTED_PLACES),
        windows=_WINDOWS_DRAFTS.get(design, _WINDOWS),
        files=_FILES_DRAFTS.get(design, ""),
        choices=_CHOICES_DRAFTS.get(design, _CHOICES),
    )


_RING: Final = "# How far around each place to look for displacement; 0 for not at all.\nring_m = 200.0"
_LISTED_PLACES: Final = f"""\
# A csv with the columns place, easting_m, northing_m and arm (treated or control), and covariates. A column
# cluster says what varies together; with the design difference a column start may say when each place began.
file = "places.csv"
radius_m = 150.0
# The days whose counts chose the treated places. They had bad luck then, and fall by themselves: these days
# must not be used again. Leave it out only if counts did not choose them.
chosen_on = "2018-01..2018-12"
{_RING}
covariates = []"""
_DRAWN_PLACES: Final = f"""\
# The places are those of the draw. How far around the middle of each is it the place itself?
radius_m = 150.0
{_RING}"""
_PLACES_DRAFTS: Final = {
    "trial": _DRAWN_PLACES,
    "starts": _DRAWN_PLACES.replace("200.0", "0.0"),
    "offer": "# No places: the counts come by wave, and no person leaves divert.\nradius_m = 1.0",
}
_WINDOWS: Final = 'before = "2019-01..2019-12"\nafter = "2020-01..2020-06"'
_WINDOWS_DRAFTS: Final = {
    "calibrated": _WINDOWS
    + '\nmatching = ["2019-01..2019-06", "2019-07..2019-12"]  # controls match in each',
    "interrupted": "# The series is expected by all months before the start: give two years or more.\n"
    'before = "2018-01..2019-12"\nafter = "2020-01..2020-06"',
    "trial": "# After: the very days of the trial. Before: it sharpens the comparison and biases nothing.\n"
    + _WINDOWS,
}
_FILES_DRAFTS: Final = {
    "trial": """
[trial]
folder = "trial"  # what `becalm patrol trial` wrote
plans = []        # folders of `becalm patrol plan`, for what was planned
visits = []       # files of `becalm patrol delivered`, for what was delivered
""",
    "starts": """
[trial]
plans = ["plan"]  # folders of `becalm patrol plan`, with chances by `becalm patrol chances`
visits = []
""",
    "offer": """
[offer]
# A csv with the columns wave, arm (early or late), people, outcome, days, count and squares.
file = "waves.csv"
""",
}
_CHOICES: Final = """
[choices]
# What else could have been chosen with as good a reason. All are run and shown; none is picked.
before = []
radius_m = [100.0]
designs = []
"""
_CHOICES_DRAFTS: Final = {
    "offer": "",
    "starts": "",
    "trial": _CHOICES.replace("designs = []\n", ""),
}
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
{places}

[windows]
{windows}
{files}
[analysis]
level = 0.95
# The smallest fall that would matter, as a share: 0.16 is the mean of published trials of hotspot patrols.
smallest_effect = 0.16
multiplicity = "One outcome and one test, so nothing is corrected."
stopping = "Read once, when the last month of the window after is complete."
# Looks before the end, as shares of the days: each spends some of the level (O'Brien and Fleming).
looks = []
placebo_sets = 999  # calibrated control: sets of places where nothing was done
draws = 1000        # trial: draws of its arms
seed = 1
{choices}"""
