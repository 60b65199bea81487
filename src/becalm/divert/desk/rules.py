"""The rule in force, what another one would change, and its publication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from becalm.desk import Desk, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.request import RuleRequest
from becalm.divert.core.rule import Rule
from becalm.divert.core.rule_change import RuleChange, compare_selections
from becalm.divert.core.score import Selection, select_people
from becalm.divert.desk.context import (
    RULE_FILE,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
)
from becalm.divert.desk.lists import check_day, read_population
from becalm.divert.files.read_rule import read_rule
from becalm.divert.files.records_file import Records
from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.ledger import Fact
from becalm.terms import QuestionError


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """The rule in force; another one beside it, and who would come and go, as counts."""

    rule: Rule
    mode: str
    other_rule: Rule | None = None
    as_of: date | None = None
    change: RuleChange | None = None
    entry: int | None = None  # of its publication


def show_rule(desk: Desk, request: RuleRequest) -> RuleAnswer:
    """Which rule is in force; with a file, what that one would change, and if asked its publication.

    Raises InputError with everything that is wrong with the file, CaseError where it is no newer version.
    """
    desk = require_role(desk, "publish_rule" if request.publish else "rule")
    rule, mode = read_rule_in_force(desk), programme_mode(desk)
    if not request.file:
        return RuleAnswer(rule, mode)
    other_rule = read_rule(Path(request.file))
    if other_rule.key == rule.key and other_rule.version <= rule.version and other_rule.sha256 != rule.sha256:
        remedy = f"give it version {rule.version + 1}"
        raise step_refusal("file", f"version {other_rule.version} of {rule.key} is not newer", remedy)
    if request.publish and other_rule.valid_from > desk.today:
        problem = f"is valid from {other_rule.valid_from} on, and would be in force at once"
        raise step_refusal("file", problem, "publish it on that day")
    as_of = check_day(desk, request.as_of)
    change = _compare(desk, rule, other_rule, as_of)
    entry = _publish(desk, Path(request.file), other_rule, as_of, change) if request.publish else None
    return RuleAnswer(rule, mode, other_rule, as_of, change, entry)


def _compare(desk: Desk, rule: Rule, other_rule: Rule, as_of: date) -> RuleChange | None:
    """None where nobody was taken in yet."""
    try:
        records = records_file(desk).read()
    except QuestionError:
        return None
    return compare_selections(_select(records, rule, as_of), _select(records, other_rule, as_of))


def _select(records: Records, rule: Rule, as_of: date) -> Selection:
    population = read_population(records, rule)
    return select_people(population.events, population.adult_day, rule, as_of_day=population.day(as_of))


def _publish(desk: Desk, file: Path, rule: Rule, as_of: date, change: RuleChange | None) -> int:
    """Record the version with what it changes, then put it in force."""
    facts: dict[str, Fact] = {
        "key": rule.key,
        "version": rule.version,
        "rule_sha256": rule.sha256,
        "author": rule.author,
        "approvers": rule.approvers,
        "as_of": as_of.isoformat(),
    }
    if change is not None:
        facts |= {"came": change.coming_count, "went": change.going_count}
    entry = record_event(desk, kinds.RULE, purpose="decision", facts=facts)
    own_file = desk.workspace.path / RULE_FILE
    make_private_folder(own_file.parent)
    write_durably(own_file, file.read_text("utf-8"))
    return entry.seq
