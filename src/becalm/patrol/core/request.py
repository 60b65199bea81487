"""What patrol may be asked with: one request for each question, each field declared once."""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from becalm.terms.request import FileName, Parameter, Request

INSTANT_HELP = "2020-05-04T18:05 in the city's time, or with a zone (…Z). Without it: now."
PLAN_HELP = "The folder that `becalm patrol plan` wrote, or its plan.json."
PlanFolder = Annotated[FileName, Parameter(PLAN_HELP, is_argument=True)]
ArmsFile = Annotated[FileName | None, Parameter("The arms of a trial, as `becalm patrol trial` writes them.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TravelRequest(Request):
    """How long do journeys between places take? Without a file: the workspace's streets or straight lines."""

    streets: Annotated[
        FileName | None,
        Parameter(
            "The street network: GraphML as OSMnx writes it (also .gz), or lines as GeoJSON. "
            "Without it: that of the workspace, else straight lines."
        ),
    ] = None
    travel: Annotated[
        FileName | None,
        Parameter("Your own travel minutes instead of streets: a CSV with from, to, minutes and mode."),
    ] = None
    close_triangles: Annotated[
        bool,
        Parameter("Shorten journeys in the travel table that take longer than going by way of another stop."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsRequest(Request):
    """Which days, for whom, by which files? Files that are not named are looked for in the workspace."""

    first_day: Annotated[date, Parameter("The first day.", name="from")]
    days: Annotated[int, Parameter("How many days.", unit="days", low=1, high=92)] = 14
    units: Annotated[
        FileName | None,
        Parameter(
            "Who is on duty: a TOML file, or an example that becalm ships (london, westminster). "
            "Without it: units.toml of the workspace."
        ),
    ] = None
    hotspots: Annotated[
        FileName | None,
        Parameter("Hotspots as GeoJSON, as `becalm find hotspots` writes them. Without it: a list made now."),
    ] = None
    policy: Annotated[
        FileName | None,
        Parameter(
            "The dosage policy. Without it: patrol_policy.toml of the workspace, else the shipped one."
        ),
    ] = None
    target: Annotated[
        tuple[str, ...], Parameter("An offence group to list hotspots for. Can be repeated.", short="t")
    ] = ()
    source: Annotated[str | None, Parameter("The source of the hotspots, if there are several.")] = None
    count: Annotated[int, Parameter("How many hotspots to list.", unit="places", low=1)] = 250
    borough: Annotated[tuple[str, ...], Parameter("Plan for this borough only. Can be repeated.")] = ()
    area: Annotated[str, Parameter("Plan for this patrol area only.")] = ""
    when_idle: Annotated[
        Literal["", "keep", "lend", "raise"],
        Parameter(
            "What units with time to spare do: keep to their own area, lend tours to areas that fall "
            "short, or lend tours and then raise targets, up to a visit every two hours.",
            default_text="as the policy says: lend",
        ),
    ] = ""
    ways: TravelRequest = field(default_factory=TravelRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRequest(Request):
    """May these days get a new seed, and when may the seed be opened?"""

    again: Annotated[
        str,
        Parameter(
            "Seal a new seed for days that already have one. The reason is shown in the plan and in the "
            "audit.",
            metavar="REASON",
        ),
    ] = ""
    old_records_reason: Annotated[
        str,
        Parameter(
            "Why a plan is made although its list ends longer before than the policy allows. The plan shows "
            "it.",
            metavar="REASON",
        ),
    ] = ""
    reveal_days: Annotated[
        int,
        Parameter("Days after the last planned day before the seed may be opened.", unit="days", low=0),
    ] = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRequest(Request):
    """How many bursts are possible, how many are wanted, and what must be cut?"""

    inputs: InputsRequest
    arms: ArmsFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest(Request):
    """Which seed is sealed for these days, before anything is drawn?"""

    inputs: InputsRequest
    arms: ArmsFile = None
    seal: SealRequest = field(default_factory=SealRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRequest(Request):
    """Which random bytes will an overseer add to the next seed? Only their hash is recorded."""

    share: Annotated[
        str,
        Parameter(
            "The overseer's random bytes (a file, or hex), or only their hash, as sha256:HEX.",
            is_argument=True,
            metavar="FILE|HEX|sha256:HEX",
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest(Request):
    """Which unit is where when?"""

    inputs: InputsRequest
    arms: ArmsFile = None
    out: Annotated[
        FileName | None,
        Parameter("The folder to write.", default_text="patrol/plan-DATE, in the workspace"),
    ] = None
    overseer_share: Annotated[
        str | None,
        Parameter(
            "An overseer's random bytes to mix into the seed: a file, or hex. See `becalm patrol share`.",
            metavar="FILE|HEX",
        ),
    ] = None
    seal: SealRequest = field(default_factory=SealRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(Request):
    """Which rules does a written plan break?"""

    plan: Annotated[FileName, Parameter("The folder of a plan, or its plan.json.", is_argument=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRequest(Request):
    """Where does a unit go next?"""

    plan: PlanFolder
    unit: Annotated[str, Parameter("Whose bursts.")]
    at: Annotated[str | None, Parameter(INSTANT_HELP)] = None
    ahead: Annotated[
        int, Parameter("How many bursts: one or two, never more.", unit="bursts", low=1, high=2)
    ] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRequest(Request):
    """What do the units of an area do within the next hour?"""

    plan: PlanFolder
    area: Annotated[str, Parameter("The area.")]
    at: Annotated[str | None, Parameter(INSTANT_HELP)] = None
    minutes: Annotated[
        int, Parameter("How far ahead: an hour and a half at most.", unit="minutes", low=15, high=90)
    ] = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRequest(Request):
    """Which briefing sheets do the units of a day carry?"""

    plan: PlanFolder
    day: Annotated[date, Parameter("The day on which the tours of duty start.", name="on")]
    unit: Annotated[str, Parameter("This unit only.")] = ""
    is_sealed: Annotated[bool, Parameter("Print the whole routes, for the auditor only.", name="sealed")] = (
        False
    )
    out: Annotated[FileName | None, Parameter("The folder to write.", default_text="beside the plan")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest(Request):
    """What will each area and place get, and which targets cannot be met?"""

    plan: PlanFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest(Request):
    """What does each rule of the policy cost in bits, and in predictability?"""

    plan: PlanFolder
    area: Annotated[str, Parameter("The area to price.", default_text="that with most tours")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanRequest(Request):
    """Whose tour is redrawn, from when and why? Where is the unit now, if not where its tour says?"""

    plan: PlanFolder
    reason: Annotated[str, Parameter("Why. The reason is kept in the ledger.")]
    at: Annotated[str | None, Parameter(INSTANT_HELP, name="from")] = None
    unit: Annotated[str, Parameter("The unit whose tour is redrawn.")] = ""
    area: Annotated[str, Parameter("Or every unit of this area that is on duty.")] = ""
    off_duty: Annotated[bool, Parameter("The unit is off duty for the rest of its tour.")] = False
    busy_until: Annotated[str | None, Parameter("The unit is free again from then on.")] = None
    stop: Annotated[
        str,
        Parameter("The hotspot or base that it continues from.", default_text="where its tour ends up"),
    ] = ""
    cover: Annotated[
        str,
        Parameter("Another unit of the area, whose tour is drawn again as well so that it can take over."),
    ] = ""
    urgent: Annotated[
        str,
        Parameter("A hotspot of this plan to be visited far more than usual from now on, in its area."),
    ] = ""
    joining: Annotated[
        FileName | None,
        Parameter(
            "A units file with units that join tonight: those that the plan does not know get a tour, under "
            "way or beginning within 14 hours."
        ),
    ] = None
    second: Annotated[
        str,
        Parameter("The second person who agrees, where the policy asks for one.", metavar="NAME"),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackoutRequest(Request):
    """Where is no unit to be, from when until when, and why?"""

    place: Annotated[str, Parameter("The place: its code, or the name by which plans call it.")] = ""
    area: Annotated[str, Parameter("Or all places of this area.")] = ""
    starts_at: Annotated[str | None, Parameter(INSTANT_HELP, name="from")] = None
    ends_at: Annotated[
        str, Parameter("Until when: 2020-05-04T21:00 in the city's time, or with a zone.", name="ends")
    ]
    reason: Annotated[str, Parameter("Why. The reason is kept in the ledger, and shown with the plan.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackoutListRequest(Request):
    """Which blackouts are there, from the file and from the ledger, that are not over?"""

    at: Annotated[str | None, Parameter(INSTANT_HELP)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackoutEndRequest(Request):
    """Which blackout ends before its time, and why?"""

    entry: Annotated[int, Parameter("The entry of the ledger that set it.", is_argument=True, low=1)]
    at: Annotated[str | None, Parameter(INSTANT_HELP, name="from")] = None
    reason: Annotated[str, Parameter("Why. The reason is kept in the ledger.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChancesRequest(Request):
    """How likely was each start, for an evaluation?"""

    plan: PlanFolder
    draws: Annotated[
        int, Parameter("How many plans are drawn for the averages.", unit="draws", low=2, high=100_000)
    ] = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealRequest(Request):
    """Which plan's seed is opened, for everybody who may read the ledger?"""

    plan: PlanFolder
    early: Annotated[
        str, Parameter("Open it early, for an auditor. This needs a second person.", metavar="REASON")
    ] = ""
    second: Annotated[str, Parameter("The second person who agrees to it.", metavar="NAME")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest(Request):
    """Does the opened seed reproduce this plan, byte for byte?"""

    plan: PlanFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest(Request):
    """What became of every seed that was ever sealed?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredRequest(Request):
    """How much of a plan was delivered, and how much other patrol was there?"""

    plan: Annotated[FileName, Parameter("The plan's folder, or its plan.json.", is_argument=True)]
    traces: Annotated[
        tuple[FileName, ...],
        Parameter(
            "A CSV of fixes: officer, at, longitude, latitude; unit and accuracy_m where known. "
            "Can be repeated. Read, reduced to visits, and not kept."
        ),
    ] = ()
    check_ins: Annotated[
        tuple[FileName, ...], Parameter("A CSV of check-ins: unit, hotspot, start, end. Can be repeated.")
    ] = ()
    hotspots: Annotated[
        FileName | None, Parameter("Hotspots as GeoJSON: their outlines are used instead of circles.")
    ] = None
    policy: Annotated[FileName | None, Parameter("The policy that says what a visit is.")] = None
    first_day: Annotated[date | None, Parameter("Count from this day on.", name="from")] = None
    days: Annotated[int | None, Parameter("Count this many days.", unit="days", low=1)] = None
    out: Annotated[FileName | None, Parameter("Also write the visits (no positions) to this CSV.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequest(Request):
    """What was planned and delivered, by place and area, month and quarter?"""

    plan: Annotated[
        tuple[FileName, ...],
        Parameter("A plan's folder. Can be repeated. Without it: those that stand in this workspace."),
    ] = ()
    visits: Annotated[
        tuple[FileName, ...],
        Parameter("A CSV of visits that `becalm patrol delivered --out` wrote. Can be repeated."),
    ] = ()
    sampled_share: Annotated[
        float,
        Parameter("The share of units that were traced; below 1, totals are estimates.", low=0.01, high=1),
    ] = 1.0
    first_day: Annotated[
        date | None, Parameter("Only plans that last longer than this day.", name="from")
    ] = None
    days: Annotated[int | None, Parameter("And begin within this many days.", unit="days", low=1)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BurdenRequest(Request):
    """Who carries the burden of patrol, against who lives there and who reported harm?"""

    counts: Annotated[
        FileName,
        Parameter(
            "A CSV of counts: measure (residents, victims, stops, arrests, complaints), area, trait (all, "
            "ethnicity, age), group, count.",
            is_argument=True,
        ),
    ]
    plan: Annotated[
        tuple[FileName, ...],
        Parameter("A plan's folder, for patrol hours by area. Can be repeated. Without it: no hours."),
    ] = ()
    level: Annotated[float, Parameter("The confidence level of intervals.", low=0.5, high=0.999)] = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRequest(Request):
    """What could a trial of dosage detect, and which place is in which arm on which day?"""

    inputs: InputsRequest
    effect: Annotated[
        float,
        Parameter("The share of offences that the strongest arm is expected to prevent.", low=0, high=0.99),
    ] = 0.2
    dispersion: Annotated[
        float | None,
        Parameter("Variance over mean of the counts. Without it: as measured for the hotspot list.", low=1),
    ] = None
    out: Annotated[
        FileName | None,
        Parameter(
            "A new folder for arms.csv and trial.json: the arms are drawn and recorded. Without it, "
            "only the power is stated."
        ),
    ] = None
    again: Annotated[
        str,
        Parameter(
            "Draw arms again for days and places that have some. The audit shows the reason.",
            metavar="REASON",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest(Request):
    """What did a place of a trial get on a day, instead of what its arm says?"""

    trial: Annotated[FileName, Parameter("The folder that `becalm patrol trial` wrote.", is_argument=True)]
    hotspot: Annotated[str, Parameter("The place.")]
    day: Annotated[date, Parameter("The day.", name="on")]
    gave: Annotated[Literal["off", "low", "high"], Parameter("What it got instead.")]
    by: Annotated[str, Parameter("Who decided it.", name="decided-by", former_name="by")]
    reason: Annotated[str, Parameter("Why, in a sentence.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitColumns(Request):
    """What the columns of a log are called. Units and areas are used where the file has them."""

    hotspot_column: Annotated[str, Parameter("The column that names the hotspot.")] = "hotspot"
    start_column: Annotated[str, Parameter("The column with the start of a visit.")] = "start"
    end_column: Annotated[str, Parameter("The column with its end.")] = "end"
    unit_column: Annotated[str, Parameter("The column that names the unit, if any.")] = "unit"
    area_column: Annotated[str, Parameter("The column that names the area, if any.")] = "area"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest(Request):
    """How well can the visits of a log be predicted?"""

    visits: Annotated[
        FileName,
        Parameter("A CSV of visits from any system: hotspot, start, end in each row.", is_argument=True),
    ]
    train_days: Annotated[int, Parameter("How many days the attacker has watched.", unit="days", low=7)] = 56
    test_days: Annotated[int, Parameter("How many days are then predicted.", unit="days", low=2)] = 14
    seeds: Annotated[int, Parameter("How often the attack is repeated.", low=1)] = 1
    seed: Annotated[int, Parameter("The first seed. The same seed gives the same answer.", low=0)] = 1
    plan: Annotated[
        FileName | None,
        Parameter("A plan of these units. The freest plan that they could follow is attacked as well."),
    ] = None
    columns: VisitColumns = field(default_factory=VisitColumns)
    time_zone: Annotated[
        str | None,
        Parameter(
            "The time zone of the days, and of times that state no zone.",
            default_text="the workspace's; outside of one Europe/London",
        ),
    ] = None
