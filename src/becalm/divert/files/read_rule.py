"""The rule from TOML: author, two approvers, dates and a source. All faults come together."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from itertools import combinations, pairwise, product

from pydantic import Field

from becalm.divert.core import rule as parts
from becalm.formats.durable_files import sha256_of_text
from becalm.terms import Fault, InputError, are_two_people
from becalm.workspace.reviewed_toml import Key, Source, Strict, check_recipe

MOST_POINTS = 100
MOST_PEOPLE = 1_000_000
SHIPPED = files("becalm.divert.files") / "rule_2020.toml"


class GateEntry(Strict):
    """[gate]."""

    crimes: int = Field(ge=1, le=MOST_POINTS)
    dates: int = Field(ge=1, le=MOST_POINTS)
    recent_days: int = Field(ge=1, le=730)
    charged: int = Field(ge=1, le=MOST_POINTS)


class PointsEntry(Strict):
    """[points]."""

    most_events: int = Field(ge=1, le=MOST_POINTS)
    recency: tuple[tuple[int, int], ...] = Field(min_length=1)
    named: int = Field(ge=0, le=MOST_POINTS)
    interviewed: int = Field(ge=0, le=MOST_POINTS)
    upheld: int = Field(ge=0, le=MOST_POINTS)
    out_of_court: int = Field(ge=0, le=MOST_POINTS)
    charged: int = Field(ge=0, le=MOST_POINTS)
    convicted: int = Field(ge=0, le=MOST_POINTS)


class HarmEntry(Strict):
    """[harm]."""

    unit: str
    band_edges: tuple[float, ...] = Field(min_length=1, max_length=4)  # of five bands
    weights: str = Field(min_length=3)
    other_weights: str = Field(min_length=3)


class RetentionEntry(Strict):
    """[retention]: a force may shorten what is the default, never lengthen it."""

    declined_days: int = Field(ge=0, le=30)
    exit_days: int = Field(ge=0, le=365)
    expiry_days: int = Field(ge=1, le=90)
    hard_stop_days: int = Field(ge=1, le=365)


class ChildrenEntry(Strict):
    """[children], where there is a route for them: off without it."""

    least_age: int = Field(ge=10, le=17)
    approvers: tuple[str, ...]


class RuleFile(Strict):
    """A whole rule file."""

    key: Key
    version: int = Field(ge=1)
    title: str = Field(min_length=3)
    author: str = Field(min_length=1)
    approvers: tuple[str, ...]
    approved_on: date
    valid_from: date
    source: str = Field(min_length=3)
    window_days: int = Field(ge=180, le=730)
    limit: int = Field(ge=1, le=MOST_PEOPLE)
    adult_age: int = Field(ge=18, le=100)
    overlap_victim_points: int = Field(ge=1, le=MOST_PEOPLE)
    gate: GateEntry
    points: PointsEntry
    harm: HarmEntry
    retention: RetentionEntry
    children: ChildrenEntry | None = None
    reasons: tuple[parts.Reason, ...] = Field(min_length=1)
    offences: tuple[parts.OffenceHarm, ...] = Field(min_length=1)


def read_rule(source: Source = SHIPPED) -> parts.Rule:
    """The rule in this file; without one, the one that is shipped.

    Raises InputError with everything that is wrong: fewer than two different approvers, an author who
    approved his own rule, an offence given twice, ages that do not rise.
    """
    entry, faults = check_recipe(source, RuleFile)
    if entry is not None:
        faults = tuple(_find_faults(entry, source.name))
    if entry is None or faults:
        raise InputError(f"The rule {source.name} cannot be used ({len(faults)} to correct)", faults)
    return parts.Rule(
        **{name: getattr(entry, name) for name in _PLAIN_FIELDS},
        gate=parts.Gate(**entry.gate.model_dump()),
        points=parts.Points(
            entry.points.most_events,
            entry.points.recency,
            {status: getattr(entry.points, status) for status in parts.STATUSES},
        ),
        band_edges=entry.harm.band_edges,
        weights=entry.harm.weights,
        other_weights=entry.harm.other_weights,
        retention=parts.Retention(**entry.retention.model_dump()),
        sha256=sha256_of_text(source.read_text("utf-8")),
        child_age=entry.children.least_age if entry.children else 0,
        child_approvers=entry.children.approvers if entry.children else (),
    )


_PLAIN_FIELDS = (
    *("key", "version", "title", "author", "approvers", "approved_on", "valid_from", "source"),
    *("window_days", "limit", "adult_age", "overlap_victim_points", "offences", "reasons"),
)


def _find_faults(entry: RuleFile, file: str) -> Iterator[Fault]:
    yield from _find_approver_faults(entry, file)
    for offence, count in Counter(harm.offence for harm in entry.offences).items():
        if count > 1:
            yield Fault(f"{file}: offences", f"{offence!r} is there {count} times", "give it once")
    yield from _find_number_faults(entry, file)
    ages = [age_days for age_days, _ in entry.points.recency]
    for where, numbers in (("points.recency", ages), ("harm.band_edges", entry.harm.band_edges)):
        if any(first >= second for first, second in pairwise(numbers)):
            yield Fault(f"{file}: {where}", f"{list(numbers)} do not rise", "write the smallest first")
    if ages[-1] < entry.window_days or entry.gate.recent_days > entry.window_days:
        problem = f"the window is {entry.window_days} days, and not all of it earns points"
        remedy = "let recency reach to its end, and recent_days not past it"
        yield Fault(f"{file}: window_days", problem, remedy)


def _find_approver_faults(entry: RuleFile, file: str) -> Iterator[Fault]:
    yield from _find_people_faults(entry.approvers, entry.author, f"{file}: approvers")
    if entry.children:
        yield from _find_people_faults(
            (*entry.children.approvers,), entry.author, f"{file}: children.approvers"
        )
        for first, second in product(entry.approvers, entry.children.approvers):
            if not are_two_people(first, second):
                problem = f"{second!r} approved the rule for adults"
                yield Fault(f"{file}: children.approvers", problem, "have others approve that for children")


def _find_people_faults(people: tuple[str, ...], author: str, place: str) -> Iterator[Fault]:
    if len(people) < 2 or not are_two_people(people[0], people[1]):
        yield Fault(place, f"{list(people)} are not two people", "have two people approve it")
    for first, second in combinations(people[1:], 2):
        if not are_two_people(first, second):
            yield Fault(place, f"{first!r} and {second!r} are one", "name each once")
    for name in people:
        if not are_two_people(name, author):
            yield Fault(place, f"{name!r} wrote the rule", "have others approve it")


def _find_number_faults(entry: RuleFile, file: str) -> Iterator[Fault]:
    """Days and points that are below nothing, endless, or no numbers."""
    days_by_place = {
        f"offences {harm.offence!r}": (harm.days, harm.other_days) for harm in entry.offences
    } | {"harm.band_edges": entry.harm.band_edges}
    for where, numbers in days_by_place.items():
        if not all(0 <= number <= MOST_PEOPLE for number in numbers):
            yield Fault(f"{file}: {where}", f"{list(numbers)} are not all days", "write numbers from 0 on")
    for age_days, points in entry.points.recency:
        if age_days < 0 or not 0 <= points <= MOST_POINTS:
            problem = f"[{age_days}, {points}] is no age in days with points"
            yield Fault(f"{file}: points.recency", problem, f"write points from 0 to {MOST_POINTS}")
