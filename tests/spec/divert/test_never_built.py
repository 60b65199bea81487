"""What becalm never does about people, as far as a test can hold it."""

from __future__ import annotations

import ast
import random
import re
import string
from pathlib import Path

import pytest
from typer.main import get_command

from becalm.app.events import EVENT_KINDS
from becalm.app.main import app
from becalm.divert.core import access, crime_events, events
from becalm.divert.core.disparity import CHARACTERISTICS
from becalm.divert.core.personal_fields import FIELD_BY_KEY, check_fields
from becalm.divert.core.request import NominateRequest
from becalm.divert.files.read_people import EVENT_COLUMNS, PERSON_COLUMNS
from becalm.divert.files.records_file import EVENT_SCHEMA, PERSON_SCHEMA, REASON_SCHEMA
from becalm.record.core.events import HELP
from becalm.terms import fields_of

ROOT = Path(__file__).resolve().parents[3]
DIVERT = ROOT / "src" / "becalm" / "divert"
LEARNING = ("sklearn", "lightgbm", "statsmodels", "torch", "becalm.methods.boosted_counts")
HEALTH_WORDS = (
    *("health", "mental", "hospital", "illness", "diagnos", "medic", "drug_use", "addict", "disab", "psych"),
    *("pregnan", "suicid", "self_harm", "hiv", "autis"),
)
NAME_WORDS = ("name", "address", "born", "birth", "phone", "postcode", "email", "sentence", "note", "text")


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", sorted(DIVERT.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_below_divert_learns_from_people(path: Path) -> None:
    assert [name for name in imports_of(path) if name.startswith(LEARNING)] == []


def reachable_from(*modules: str) -> set[str]:
    """Every module of becalm that these can reach."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        path = ROOT / "src" / Path(*module.split(".")).with_suffix(".py")
        if module in seen or not path.is_file():
            continue
        seen.add(module)
        waiting += [name for name in imports_of(path) if name.startswith("becalm.")]
    return seen


def test_the_rule_reaches_no_text_and_no_protected_column() -> None:
    reached = reachable_from(
        "becalm.divert.core.score", "becalm.divert.core.crime_events", "becalm.divert.core.explanation"
    )
    assert not {m for m in reached if "protected" in m or "disparity" in m or "reasons" in m or "people" in m}
    inputs = set(crime_events.CrimeEvents.__slots__)
    assert inputs == {
        *("person", "crime", "day", "offence", "role", "status", "basis", "found_by", "outcome"),
        "offence_words",
    }
    forbidden = {*CHARACTERISTICS, "name", "address", "nationality", "school", "postcode"}
    assert not forbidden & (inputs | set(EVENT_COLUMNS))


def test_characteristics_are_read_by_the_report_on_differences_alone() -> None:
    readers = {
        path.relative_to(DIVERT).as_posix()
        for path in DIVERT.rglob("*.py")
        if any("protected_store" in name or "read_characteristics" in name for name in imports_of(path))
    }
    assert readers <= {"desk/disparity.py", "desk/purge.py"}


def test_nobody_is_put_in_but_by_nominating_a_person_whom_the_rule_selected() -> None:
    group = get_command(app).commands["divert"]
    writers = [
        path.relative_to(DIVERT).as_posix()
        for path in DIVERT.rglob("*.py")
        if re.search(r"make_event\([^)]*kinds\.NOMINATION", path.read_text("utf-8"))
    ]
    assert writers == ["desk/cases.py"]
    assert not {"add", "search", "find", "import", "score"} & set(group.commands)
    assert "check_selected(explanation" in (DIVERT / "desk" / "cases.py").read_text("utf-8")
    assert not {"points", "select", "force"} & {field.name for field in fields_of(NominateRequest)}
    by_hand = set(EVENT_KINDS.names_by_hand)
    assert not by_hand & {kind.name for kind in events.KINDS}
    assert "decision_made" not in by_hand


def test_no_role_searches_and_investigators_have_none() -> None:
    assert "search" not in access.ACTS
    assert not [role for role in access.ROLES if "investigat" in role or "detective" in role]
    assert access.may("nobody", "explain") is False


@pytest.mark.parametrize("kind", [*events.KINDS, *HELP], ids=lambda kind: f"{kind.name}-{kind.version}")
def test_no_fact_is_named_for_a_detail_of_a_person(kind: object) -> None:
    names = {field.name for field in kind.fields}
    assert not [name for name in names if any(word in name for word in (*HEALTH_WORDS, *NAME_WORDS))]


def test_every_personal_column_has_a_line_on_access_retention_and_role() -> None:
    for schema in (PERSON_SCHEMA, EVENT_SCHEMA, REASON_SCHEMA):
        check_fields("records", schema.names)
    check_fields("person_known", PERSON_COLUMNS)
    assert all(field.roles and field.clock for field in FIELD_BY_KEY.values())
    with pytest.raises(ValueError, match="has no line"):
        check_fields("person_known", ["religion"])


def test_facts_of_reasons_come_from_the_rule_and_hold_no_word_on_health() -> None:
    from becalm.divert.core.screening import GRAVITY
    from becalm.divert.files.read_rule import read_rule

    words = [reason.code for reason in read_rule().reasons] + list(GRAVITY)
    assert not [word for word in words if any(health in word for health in HEALTH_WORDS)]


def test_no_text_of_a_decision_can_become_a_fact(tmp_path: Path) -> None:
    """Random names and words are put into every free field; none of them comes out in a fact."""
    from people import make_programme

    rng = random.Random(5)

    def word() -> str:
        return "zq" + "".join(rng.choices(string.ascii_lowercase, k=9))

    programme = make_programme(tmp_path)
    words = [word() for _ in range(12)]
    programme.begin()
    programme.nominate("N101", " ".join(words[:7]))
    programme.run(
        "screener", "sam", "screen", programme.person("N101"), "--note", words[7],
        *(f"--check={c}" for c in all_checks()),
    )  # fmt: skip
    programme.run("coordinator", "cora", "challenge", programme.person("N101"), "--text", words[8])
    from becalm.app.main import open_ledger
    from becalm.workspace.config import open_workspace

    ledger = open_ledger(open_workspace(programme.workspace))
    facts = " ".join(str(entry.event.facts) for entry in ledger.entries())
    ledger.close()
    assert not [w for w in words if w in facts]
    assert not re.search(r"Ashgrove|Kelp Row|1990-02-03|hospital|crisis", facts)


def all_checks() -> list[str]:
    from becalm.divert.core.screening import CHECKS

    return [f"{check.name}={'yes' if check.name == 'needs_adult' else 'no'}" for check in CHECKS]
