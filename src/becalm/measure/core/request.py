"""What a comparison may be asked with."""

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

from becalm.terms import Fault, Parameter, Request, StepKind, UsageError, needs_days

if TYPE_CHECKING:
    from becalm.tables import Groupings

Align = Literal["windows", "weekdays", "holidays"]
By = Literal["offence_group", "offence", "weapon", "victim_age_band", "borough", "ward", "command_unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSettings(Request):
    """How a comparison is made, where the one who asks does not say otherwise."""

    align: Annotated[
        Align,
        Parameter(
            "windows: all days as asked. weekdays: only days that have a matching weekday. holidays: "
            "the same, and a holiday is compared only with the same holiday."
        ),
    ] = "windows"
    level: Annotated[
        float, Parameter("The level of the intervals.", low=0.5, high=0.9999, remedy="give 0.95 for 95 %")
    ] = 0.95
    suppress_below: Annotated[
        int, Parameter("No percentages on baselines smaller than this.", unit="incidents", low=0)
    ] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest(Request):
    """How does a period compare with the same period of other years?"""

    period: Annotated[
        str | None,
        Parameter(
            '"2020-04", "2020-04..2020-05", "2020-W14..2020-W19", "2020-04-01..2020-05-12" '
            '(all ends included) or "last 6 weeks": the days up to the last that the records cover.',
            default_text="newest whole month",
        ),
    ] = None
    baseline: Annotated[
        tuple[str, ...],
        Parameter(
            '"2019" (the same period of that year), "year before", "mean of 3 years" or a period of '
            "its own. Repeat for more; with one, other usual baselines are shown beside it.",
            default_text="year before",
        ),
    ] = ()
    by: Annotated[By, Parameter("What to compare, group by group.")] = "offence_group"
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    offence_group: Annotated[tuple[str, ...], Parameter("Only these offence groups (repeat for more).")] = ()
    counted: Annotated[str, Parameter("What a publisher counts, where it counts several things.")] = (
        "offences"
    )
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None

    public: Annotated[
        bool,
        Parameter("For the public: small counts are withheld, and whatever would give them away."),
    ] = False

    settings: CompareSettings = field(default_factory=CompareSettings)

    @property
    def is_about_days(self) -> bool:
        """Whether days must be counted; else months will do."""
        return self.settings.align != "windows" or any(
            needs_days(text) for text in (self.period or "", *self.baseline)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiguresRequest(Request):
    """How do the key figures of violence stand, beside a baseline and beside what was to be expected?"""

    period: Annotated[
        str | None,
        Parameter('"2020-04", "2020-04..2020-05" or "last 6 weeks".', default_text="newest whole month"),
    ] = None
    baseline: Annotated[
        tuple[str, ...],
        Parameter('"2019", "year before" or a period of its own.', default_text="year before"),
    ] = ()
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None
    level: Annotated[
        float, Parameter("The level of the intervals.", low=0.5, high=0.9999, remedy="give 0.95 for 95 %")
    ] = 0.95

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        if len(self.baseline) > 1:
            raise UsageError(
                f"The key figures stand beside one `baseline`, not {len(self.baseline)}. Ask for each alone, "
                "or compare offences with several: `becalm measure compare`."
            )

    @property
    def is_about_days(self) -> bool:
        """Whether days must be counted; else months will do."""
        return any(needs_days(text) for text in (self.period or "", *self.baseline))


def parse_groupings(text: str) -> "Groupings":
    """Which groupings does this text name, one or several joined by commas?

    >>> parse_groupings("offence_group"), parse_groupings("borough, offence_group")
    ('offence_group', ('borough', 'offence_group'))

    Raises UsageError where it names one that does not exist, or one twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    unknown_names = [name for name in names if name not in get_args(By)]
    if unknown_names or len({*names}) < len(names):
        problem_text = f"names {unknown_names[0]!r}" if unknown_names else f"names one twice: {text}"
        remedy_text = f'give {", ".join(get_args(By))}, or several such as "borough,offence_group"'
        raise UsageError(
            "The series cannot be counted as they were asked for", (Fault("by", problem_text, remedy_text),)
        )
    return cast("Groupings", names if len(names) > 1 else names[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRequest(Request):
    """Which series are counted?"""

    by: Annotated[
        str,
        Parameter('What to count by: one grouping, or several at once such as "borough,offence_group".'),
    ] = "offence_group"
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    offence_group: Annotated[tuple[str, ...], Parameter("Only these offence groups (repeat for more).")] = ()
    counted: Annotated[str, Parameter("What a publisher counts, where it counts several things.")] = (
        "offences"
    )
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        parse_groupings(self.by)

    @property
    def groupings(self) -> "Groupings":
        """One grouping, or several at once."""
        return parse_groupings(self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRequest(Request):
    """How complete are the newest weeks, and what will they hold in the end?"""

    weeks: Annotated[
        int, Parameter("How many of the newest weeks to show.", unit="weeks", low=1, high=104)
    ] = 8
    longest_delay: Annotated[
        int,
        Parameter("What is recorded later than this is not waited for.", unit="weeks", low=1, high=260),
    ] = 26
    level: Annotated[
        float, Parameter("The level of the intervals.", low=0.5, high=0.9999, remedy="give 0.9 for 90 %")
    ] = 0.9

    series: SeriesRequest = field(default_factory=SeriesRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRequest(Request):
    """What was each series expected to hold in a period, by the times before it alone?"""

    period: Annotated[
        str | None,
        Parameter(
            'Whole weeks such as "2020-W14..2020-W19" or "last 6 weeks" (months where `time_unit` is month).',
            default_text="last 8 weeks, or 2 months",
        ),
    ] = None
    time_unit: Annotated[
        Literal["day", "week", "month"] | None,
        Parameter(
            "What is expected one by one.",
            name="step",
            former_name="unit",
            default_text="week where days are known, else month",
        ),
    ] = None
    level: Annotated[
        float, Parameter("The level of the intervals.", low=0.5, high=0.9999, remedy="give 0.95 for 95 %")
    ] = 0.95
    public: Annotated[
        bool,
        Parameter("For the public: small counts are withheld, and whatever would give them away."),
    ] = False

    series: SeriesRequest = field(default_factory=SeriesRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionsRequest(Request):
    """What was this figure on each as-of day, and why did it move?"""

    period: Annotated[str, Parameter('The counted days: "2020-04", "2020-W14..2020-W19", "2020".')]

    series: SeriesRequest = field(default_factory=SeriesRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest(Request):
    """From this day on, these series stand at another level."""

    start: Annotated[date, Parameter("The first day of the new level.", name="from")]
    kind: Annotated[StepKind, Parameter("What kind of step it is.")]
    reason: Annotated[str, Parameter("What changed the level, without names of people.")]
    group: Annotated[tuple[str, ...], Parameter("Only these offence groups (repeat for more).")] = ()
    area: Annotated[tuple[str, ...], Parameter("Only these areas (repeat for more).")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEndRequest(Request):
    """A declared step is over."""

    step: Annotated[int, Parameter("The entry of the ledger that declared it.", low=1, is_argument=True)]
    on: Annotated[date, Parameter("The first day after it.")]
    reason: Annotated[str, Parameter("Why it is over, without names of people.")]
