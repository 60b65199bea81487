from __future__ import annotations

from pathlib import Path

import pytest

from becalm.terms import WorkspaceError, plain_word
from becalm.workspace.read_offence_tables import load_offences, offence_table_sha256

OWN = """
key = "toronto"
version = "2"
author = "the analyst"
reviewed_on = 2026-01-31
origin = "our own reading"

[[groups]]
key = "assault"
label = "Assault"
words = ["Assault"]
"""


def test_every_shipped_table_says_who_reviewed_it_and_when() -> None:
    tables = load_offences(None)
    assert {"police_uk", "mps", "mps_knife", "chicago", "toronto", "simulated_city"} <= set(tables)
    for table in tables.values():
        assert table.author
        assert table.version
        assert table.origin
        assert table.reviewed_on.year >= 2026


def test_police_uk_has_its_fourteen_types_in_any_case() -> None:
    words = load_offences(None)["police_uk"].by_word()
    for word in (
        "Anti-social behaviour",
        "ANTI-SOCIAL BEHAVIOUR",
        "Possession Of Weapons",
        " Violence and sexual offences ",
    ):
        assert plain_word(word) in words
    assert len(set(words.values()) - {"public_disorder_and_weapons"}) == 14


def test_what_police_find_by_looking_is_marked_in_every_table() -> None:
    for table in load_offences(None).values():
        for key in ("drugs", "drug_offences", "possession_of_weapons"):
            group = table.group(key)
            assert group is None or group.found_by == "police"


def test_fraud_is_out_of_the_total_and_says_why() -> None:
    fraud = load_offences(None)["mps"].group("fraud")
    assert fraud is not None
    assert not fraud.in_total
    assert "national body" in fraud.why_not_in_total


def test_a_workspace_table_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "toronto.toml").write_text(OWN)
    table = load_offences(tmp_path)["toronto"]
    assert table.version == "2"
    assert offence_table_sha256(table) != offence_table_sha256(load_offences(None)["toronto"])


def test_all_faults_of_all_tables_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN.replace('author = "the analyst"\n', "").replace("label", "lable"))
    (tmp_path / "b.toml").write_text(OWN.replace('words = ["Assault"]', 'words = ["Assault", "assault "]'))
    (tmp_path / "c.toml").write_text("key = [")
    with pytest.raises(WorkspaceError) as refused:
        load_offences(tmp_path)
    told = str(refused.value)
    for part in (
        "a.toml: author",
        "a.toml: groups.0.lable",
        "given twice: 'assault'",
        "c.toml  is not valid TOML",
    ):
        assert part in told


def test_a_group_left_out_of_totals_must_say_why(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN + "in_total = false\n")
    with pytest.raises(WorkspaceError, match="why_not_in_total"):
        load_offences(tmp_path)


def test_theft_is_not_violence_but_lends_to_it() -> None:
    for table in load_offences(None).values():
        theft = table.group("theft_from_the_person")
        assert theft is None or (theft.shares_places and not theft.street_violence)
