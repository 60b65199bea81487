"""The rules from TOML, with author, date and a source for each. All faults come together."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.resources import files

from pydantic import Field

from becalm.staff.core import rule_book
from becalm.terms import Fault, InputError
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe, suggest


class RuleEntry(Strict):
    """One [[rules]] entry."""

    rule: str
    value: float
    source: str = ""
    derogation: str = ""


class RulesFile(Strict):
    """A whole rule file."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    author: str = Field(min_length=1)
    reviewed_on: date
    note: str = ""
    rostered_ranks: tuple[str, ...] = Field(min_length=1)
    stagger_minutes: tuple[int, ...] = (0,)
    free_nights: int = Field(default=3, ge=0)
    detail_weeks: int = Field(default=26, ge=0)
    tours: tuple[rule_book.TourKind, ...] = Field(min_length=1)
    rules: tuple[RuleEntry, ...]
    skills: tuple[rule_book.SkillNeed, ...] = ()
    prices: dict[str, float]


LEAST_SOURCE = 3  # letters
SHIPPED = files("becalm.staff.files") / "rules_uk.toml"


def read_rules(source: Source = SHIPPED) -> rule_book.RuleBook:
    """The rules in this file; without one, those that are shipped.

    Raises InputError with everything that is wrong: a rule without a source, one that is missing, unknown
    or given twice, a tour that cannot be, a price that is not there.
    """
    entry, faults = check_recipe(source, RulesFile)
    if entry is not None:
        faults = tuple(_find_faults(entry, source.name))
    if entry is None or faults:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"The rule file {source.name} has {len(faults)} {fault_noun}", faults)
    return rule_book.RuleBook(
        key=entry.key,
        title=entry.title,
        author=entry.author,
        reviewed_on=entry.reviewed_on,
        tours=entry.tours,
        rules=tuple(rule_book.Rule(**rule.model_dump()) for rule in entry.rules),
        skills=entry.skills,
        prices=entry.prices,
        rostered_ranks=entry.rostered_ranks,
        stagger_minutes=entry.stagger_minutes,
        free_nights=entry.free_nights,
        detail_weeks=entry.detail_weeks,
    )


def _find_faults(entry: RulesFile, file: str) -> Iterator[Fault]:
    yield from _find_misfits("rule", [rule.rule for rule in entry.rules], tuple(rule_book.RULES), file)
    yield from _find_misfits("price", list(entry.prices), tuple(rule_book.PRICES), file)
    yield from _find_source_faults(entry, file)
    yield from _find_tour_faults(entry, file)
    if min(entry.stagger_minutes) < 0 or max(entry.stagger_minutes) > 180:
        yield Fault(f"{file}: stagger_minutes", "a start is moved too far", "give 0 to 180 minutes")
    number_by_key = {f"prices.{name}": price for name, price in entry.prices.items()}
    number_by_key |= {f"{rule.rule}, value": rule.value for rule in entry.rules}
    number_by_key |= {f"skills.{skill.skill}": min(skill.least, skill.price) for skill in entry.skills}
    for name, number in number_by_key.items():
        if number < 0:
            yield Fault(f"{file}: {name}", f"is {number:g}", "give 0 or more")


def _find_source_faults(entry: RulesFile, file: str) -> Iterator[Fault]:
    for rule in entry.rules:
        if len(rule.source.strip()) < LEAST_SOURCE:
            yield Fault(f"{file}: {rule.rule}", "this rule has no source", "say where it comes from")


def _find_tour_faults(entry: RulesFile, file: str) -> Iterator[Fault]:
    for name, count in Counter(kind.tour for kind in entry.tours).items():
        if count > 1 or name == rule_book.REST_DAY:
            yield Fault(
                f"{file}: tours", f"{name!r} cannot name a tour here", "give each tour a name of its own"
            )
    for kind in entry.tours:
        if not 0 < kind.hours <= 24:
            problem = f"it lasts {kind.hours:g} hours"
            yield Fault(f"{file}: {kind.tour}", problem, "give more than 0 and at most 24")


def _find_misfits(kind: str, names: list[str], known_names: tuple[str, ...], file: str) -> Iterator[Fault]:
    for name, count in Counter(names).items():
        if name not in known_names:
            yield Fault(
                f"{file}: {name}", f"is not a {kind} that is known", f"{suggest(name, known_names)}correct it"
            )
        elif count > 1:
            yield Fault(f"{file}: {name}", f"this {kind} is given {count} times", "give it once")
    for name in known_names:
        if name not in names and name not in rule_book.OPTIONAL_RULES:
            yield Fault(f"{file}: {name}", f"this {kind} is missing", "add it, with its source")
