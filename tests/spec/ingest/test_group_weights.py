"""Harm weights of offence groups: reviewed data, with all faults told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from becalm.find.files.harm_tables import choose_group_weights, load_group_weights, read_group_weights
from becalm.terms import QuestionError, UsageError, WorkspaceError

OWN = """
key = "own"
version = "3"
index = "force"
edition = "2026"
unit = "pounds"
author = "the analyst"
reviewed_on = 2026-01-31
origin = "the cost of each case"

[[groups]]
group = "robbery"
weight = 12_000
evidence = "the cost study"
"""


def own(tmp_path: Path, text: str = OWN) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(text)
    return file


def test_shipped_tables_take_the_weights_of_their_index():
    tables = {table.key: table for table in load_group_weights()}
    weights = {w.group: w.weight for w in tables["chicago"].weights}
    assert (weights["homicide"], weights["robbery"], weights["aggravated_battery"]) == (7973.4, 799.6, 2034.7)
    assert all(w.evidence for table in tables.values() for w in table.weights)
    assert {table.harm_unit for table in tables.values()} == {"harm (css 2020)"}


def test_the_table_of_the_source_is_taken_and_else_one_that_weighs_the_whole_target():
    tables = load_group_weights()
    assert choose_group_weights(tables, ["robbery"], source="chicago_all").key == "chicago"
    pair = ["robbery", "theft_from_the_person"]
    assert choose_group_weights(tables, pair, source="london_street_points").key in {t.key for t in tables}
    with pytest.raises(QuestionError, match="No table of harm weights weighs all of robbery, arson"):
        choose_group_weights(tables, ["robbery", "arson"], source="london_street_points")
    with pytest.raises(UsageError, match="no harm weights 'chicag'"):
        choose_group_weights(tables, ["robbery"], source="x", name="chicag")


def test_a_force_brings_its_own_and_it_is_named_in_full(tmp_path):
    table = read_group_weights(own(tmp_path))
    assert (table.index, table.unit, table.author) == ("force", "pounds", "the analyst")
    assert table.of(["robbery"])[0].weight == 12_000
    differing = (*load_group_weights(tmp_path),)
    with pytest.raises(UsageError, match="weigh robbery differently"):
        choose_group_weights(differing, ["robbery"], source="elsewhere")


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("weight = 12_000", "weight = -1", "greater than or equal to 0"),
        ("weight = 12_000", "", "either a weight or classes"),
        ("weight = 12_000", 'classes = { "34B" = 0.4 }', "sum to 0.4, not 1"),
        ('author = "the analyst"', 'author = ""', "at least 1 character"),
        ('evidence = "the cost study"', "", "is missing"),
        ('unit = "pounds"', "", "unit is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, was, now, says):
    with pytest.raises(WorkspaceError) as raised:
        read_group_weights(own(tmp_path, OWN.replace(was, now)))
    assert says in " ".join(str(fault) for fault in raised.value.faults)
