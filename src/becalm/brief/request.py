"""What a briefing may be asked with, and what is asked once nothing is left open."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from becalm.measure.core.request import By
from becalm.terms.errors import UsageError
from becalm.terms.request import FileName, Parameter, Request, fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(Request):
    """What goes into the briefing? What is not given comes from becalm.toml, else from the default."""

    period: Annotated[
        str | None,
        Parameter('"2020-04", "2020-W14..2020-W19", "last 6 weeks".', default_text="newest whole month"),
    ] = None
    baseline: Annotated[
        tuple[str, ...],
        Parameter(
            '"2019", "year before", "mean of 3 years" or a period; may be given again.',
            default_text="year before",
        ),
    ] = ()
    by: Annotated[By | None, Parameter("What to compare, group by group.", default_text="offence_group")] = (
        None
    )
    target: Annotated[
        tuple[str, ...],
        Parameter(
            "The offence group to find hotspots of; may be given again.",
            short="t",
            default_text="all street violence",
        ),
    ] = ()
    count: Annotated[
        int | None, Parameter("How many hotspots to list.", unit="places", low=1, default_text="250")
    ] = None
    cell_m: Annotated[
        float | None, Parameter("The side of a hotspot in metres.", unit="m", default_text="150")
    ] = None
    source: Annotated[str | None, Parameter("The source to compare, where there are several.")] = None
    hotspot_source: Annotated[
        str | None,
        Parameter('The source of the hotspots, if another one; "none" for no hotspots.'),
    ] = None
    patrol_from: Annotated[
        date | None,
        Parameter(
            "The first day of the patrol plan, where the workspace has units.", default_text="tomorrow"
        ),
    ] = None
    old_records_reason: Annotated[
        str,
        Parameter(
            "Why patrols are planned although the list ends longer before than the policy allows.",
            metavar="REASON",
        ),
    ] = ""
    as_of: Annotated[date | None, Parameter("Use the records as they were known on this day.")] = None
    seed: Annotated[int | None, Parameter("The seed of the random draws. Without it, a new one.", low=0)] = (
        None
    )
    out: Annotated[
        FileName | None, Parameter("The folder to write.", default_text="briefing, in the workspace")
    ] = None
    dry: Annotated[
        bool,
        Parameter("Say what would be done, how long it took last time and what is missing; do nothing."),
    ] = False
    again: Annotated[
        FileName | None, Parameter("Make an earlier briefing again, byte for byte, from its run.json.")
    ] = None

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        set_field_names = [
            f"`{field.name}`"
            for field in fields_of(type(self))
            if field.name not in ("again", "out") and getattr(self, field.name) != field.default
        ]
        if self.again is not None and set_field_names:
            raise UsageError(
                f"`again` repeats a run exactly, so {', '.join(set_field_names)} cannot be given with it. "
                "Leave out `again` for a new briefing."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingPlan(Request):
    """What is asked, with nothing left open: the run record keeps it, and a run is repeated from it."""

    period: Annotated[str, Parameter("What is compared.")]
    baselines: Annotated[tuple[str, ...], Parameter("With what, in the order in which they are shown.")]
    by: Annotated[By, Parameter("Group by group of what.")]
    source: Annotated[str, Parameter("Whose records are compared.")]
    hotspot_source: Annotated[
        str, Parameter('Whose points the hotspots come from; "none": no records have any.')
    ]
    target: Annotated[
        tuple[str, ...], Parameter("The offence groups of the hotspots; none: all street violence.")
    ]
    count: Annotated[int, Parameter("How many hotspots are listed.", unit="places", low=1)]
    cell_m: Annotated[float, Parameter("The side of a hotspot.", unit="m")]
    chosen: Annotated[tuple[str, ...], Parameter("The fields that nobody gave.")]
    overrides: Annotated[tuple[int, ...], Parameter("The entries of the ledger whose overrides hold.")] = ()
    late_head: Annotated[str, Parameter("That the head of the ledger was due to be signed, if it was.")] = ""
    ledger: Annotated[
        str, Parameter("The head of the ledger then: its log, how many entries, their root.")
    ] = ""
    patrol: Annotated[str, Parameter("The commitment of the patrol plan; empty where there is none.")] = ""
    patrol_day: Annotated[str, Parameter("The first day of the patrol plan.")] = ""
    patrol_note: Annotated[str, Parameter("Why there is no patrol plan.")] = ""
    parts: Annotated[
        tuple[str, ...], Parameter("What each further part of the briefing was made of, as JSON.")
    ] = ()
