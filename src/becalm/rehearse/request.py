"""What a rehearsal may be asked with."""

from dataclasses import dataclass
from typing import Annotated, Literal

from becalm.terms import FileName, Parameter, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalRequest(Request):
    """Which year is rehearsed, in which world?"""

    out: Annotated[FileName, Parameter("The new folder for the year: city, workspace, weeks and the answer.")]
    scenario: Annotated[str, Parameter("A shipped scenario, or a TOML file of your own.", metavar="NAME")] = (
        "as_the_press_told_it"
    )
    weeks: Annotated[int, Parameter("How many weeks.", unit="weeks", low=4, high=104)] = 52
    scale: Annotated[
        Literal["tiny", "small", "full"],
        Parameter("A town and 12 places, a tenth of a city and 25, or a city and 250."),
    ] = "small"
    seed: Annotated[int, Parameter("The same seed gives the same year.", low=0)] = 1
    resume: Annotated[bool, Parameter("Go on with the year in this folder where it stopped.")] = False
