"""Ways round the rules of divert that somebody tried, and what they meet now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from people import NAMES, TODAY, Programme, event, events_of_all, make_programme, write_csv

from becalm.divert.desk import purge as purge_desk
from becalm.divert.files.read_people import read_people
from becalm.divert.files.read_rule import SHIPPED, read_rule
from becalm.divert.files.records_file import RecordsFile
from becalm.terms import InputError

WORK = "The charges stand, and the youth worker says that help with work would be taken."
HOME = "Three strangers reported it, and his mother has asked the school for somebody to talk to."
LEFT = "The second robbery was another man of the same name, as the victim says."
RITA = ("rights officer", "rita")


@pytest.fixture
def programme(tmp_path: Path) -> Programme:
    return make_programme(tmp_path)


def load_again(programme: Programme, events: list[dict[str, str]], *gone_numbers: str) -> None:
    """Load the people again without these, and other events."""
    persons = [
        {"person_number": n, "name": name, "born_on": born, "address": f"{n[1:]} Kelp Row", "phone": ""}
        for n, (name, born) in NAMES.items()
        if n not in gone_numbers
    ]
    rows = [row for row in events if row["person_number"] not in gone_numbers]
    files = (write_csv(programme.files / "p2.csv", persons), write_csv(programme.files / "e2.csv", rows))
    programme.run("analyst", "ana", "load", *files)


def ruled_out(rows: list[dict[str, str]], number: str) -> list[dict[str, str]]:
    changes = {"role": "suspect", "status": "eliminated"}
    return [row | changes if row["person_number"] == number else row for row in rows]


def test_who_was_ruled_out_after_the_nomination_is_not_approved(programme: Programme) -> None:
    programme.begin()
    programme.nominate("N101", WORK)
    programme.screen("N101")
    programme.open_evidence("N101")
    load_again(programme, ruled_out(events_of_all(), "N101"))
    assert "different crimes as suspect" in programme.approve("N101", HOME, code=14).output


def test_evidence_that_changed_is_opened_again_before_an_approval(programme: Programme) -> None:
    programme.begin()
    programme.nominate("N101", WORK)
    programme.screen("N101")
    programme.open_evidence("N101")
    load_again(programme, [*events_of_all(), event("N101", 10)])
    assert "the evidence changed since it was opened" in programme.approve("N101", HOME, code=14).output
    programme.open_evidence("N101")
    programme.approve("N101", HOME)
    again = "Six sessions went well, and he says himself that he wants to go on with them."
    assert "has not opened the evidence" in programme.approve("N101", again, code=14).output


def test_who_was_taken_out_or_restricted_does_not_come_back_on_the_same_facts(programme: Programme) -> None:
    programme.begin()
    programme.nominate("N101", WORK)
    person = programme.person("N101")
    leaving = ("--end", "removed_error", "--code", "error", "--sentence", LEFT)
    programme.run("coordinator", "cora", "remove", person, *leaving)
    assert "closed on the same facts" in programme.nominate("N101", HOME, code=14).output
    load_again(programme, [*events_of_all(), event("N101", 10)])
    words = ("--law", "DPA 2018 s.47", "--review-on", TODAY + timedelta(days=30), "--sentence", LEFT)
    programme.run(*RITA, "restrict", person, *words)
    assert "is restricted" in programme.nominate("N101", HOME, code=14).output


def test_whoever_has_a_case_can_be_taken_out_though_the_files_forgot_them(programme: Programme) -> None:
    programme.begin()
    programme.nominate("N101", WORK)
    person = programme.person("N101")
    load_again(programme, events_of_all(), "N101")
    programme.run(*RITA, "sar", person, "--out", programme.files / "pack")
    leaving = ("--end", "removed_error", "--code", "error", "--sentence", LEFT)
    programme.run("coordinator", "cora", "remove", person, *leaving)
    programme.run(*RITA, "purge", "--person", person)
    with pytest.raises(ValueError, match="not in list"):
        programme.person("N101")


def test_a_birth_date_that_was_put_right_stays_so_after_the_next_load(programme: Programme) -> None:
    person = programme.person("N101")
    for wrong in ("born_on=yesterday", "address", "name="):
        programme.run(*RITA, "sar", person, "--set", wrong, code=14)
    programme.run(*RITA, "sar", person, "--set", f"born_on={NAMES['N103'][1]}")
    load_again(programme, events_of_all())
    assert "18 or older" in programme.nominate("N101", WORK, code=14).output


def test_a_purge_that_was_cut_short_is_finished_by_the_next(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme.begin()
    programme.nominate("N101", WORK)
    person = programme.person("N101")
    leaving = ("--end", "removed_error", "--code", "error", "--sentence", LEFT)
    programme.run("coordinator", "cora", "remove", person, *leaving)

    def die(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(purge_desk, "_record", die)
        programme.run(*RITA, "purge", "--person", person, code=130)
    done = programme.ask("system administrator", "sys", "purge")
    assert (done["due_count"], done["people"]) == (0, [person])
    assert programme.ask("system administrator", "sys", "purge")["people"] == []
    assert person not in RecordsFile(programme.workspace, bytes).read().people["person"].to_pylist()


def test_three_records_of_one_person_keep_their_events_in_whichever_order_they_are_joined(
    programme: Programme,
) -> None:
    names = [programme.person(number) for number in ("N101", "N102", "N110")]
    records = RecordsFile(programme.workspace, bytes).read()
    joined = records.with_join(names[0], names[1]).with_join(names[1], names[2])
    assert len(joined.rows_of_person(joined.row_of(names[0]))) == 13
    assert joined.row_of(names[0]) == joined.row_of(names[2])


def test_two_records_are_parted_in_whichever_order_they_are_named(programme: Programme) -> None:
    first, second = programme.person("N108"), programme.person("N109")
    for pair, decision in (((first, second), "join"), ((second, first), "part")):
        for role, actor in (("screener", "sam"), ("approver", "abe")):
            words = (
                *pair,
                "--decide",
                decision,
                "--sentence",
                f"Their mother says so, and so do we: {decision}.",
            )
            programme.run(role, actor, "match", *words)
    assert len(programme.ask("analyst", "ana", "list")["selected"]) == 6
    words = (first, first, "--decide", "join", "--sentence", "This one is surely himself and nobody else.")
    programme.run("screener", "sam", "match", *words, code=2)


@pytest.mark.parametrize(
    "law", ["Ada Ashgrove asked", "DPA 2018 s.47 for Ada Ashgrove", "born 1990-02-03", "depression"]
)
def test_what_cannot_be_erased_takes_the_name_of_a_law_and_no_other_words(
    programme: Programme, law: str
) -> None:
    person = programme.person("N101")
    words = ("--law", law, "--review-on", TODAY + timedelta(days=30), "--sentence", LEFT)
    assert "could not be erased" in programme.run(*RITA, "restrict", person, *words, code=14).output
    words = ("purge", "--person", person, "--code", law)
    assert "could not be erased" in programme.run(*RITA, *words, code=14).output


def test_a_rule_that_was_slipped_into_the_workspace_nominates_nobody(programme: Programme) -> None:
    text = (
        SHIPPED.read_text("utf-8").replace("crimes = 3", "crimes = 1").replace("version = 1", "version = 2")
    )
    file = programme.files / "rule.toml"
    file.write_text(text.replace("valid_from = 2020", "valid_from = 2099"))
    owner = ("programme owner", "ola")
    refused = programme.run(*owner, "rule", "--file", file, "--publish", code=14)
    assert "valid from 2099-01-01 on" in refused.output
    (programme.workspace / "divert" / "rule.toml").write_text(text)
    assert "was never published" in programme.nominate("N101", WORK, code=14).output
    file.write_text(text)
    programme.run(*owner, "rule", "--file", file, "--publish")
    programme.nominate("N101", WORK)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("days = 799.6", "days = nan", "are not all days"),
        ("days = 799.6", "days = -5", "are not all days"),
        ("[90, 4]", "[-5, 4]", "is no age in days with points"),
        ("[90, 4]", "[90, -4]", "is no age in days with points"),
        ("named = 1\n", "named = 99999999999999999999\n", "points.named"),
        ("limit = 1000", "limit = 99999999999999999999", "limit"),
        ("adult_age = 18", "adult_age = 99999", "adult_age"),
        ('second approver"]', 'second approver", "Second approver, shipped example."]', "are one"),
    ],
)
def test_a_rule_with_numbers_that_are_none_or_one_approver_twice_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    (tmp_path / "rule.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as refusal:
        read_rule(tmp_path / "rule.toml")
    assert problem in f"{refusal.value} {refusal.value.faults}"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("N1,Una Vale,0001-01-01", "is no birth date"),
        ("N1,Una Vale,1900-01-01", "is no birth date"),
        ("N1,Una Vale,9999-12-31", "is no birth date"),
        ("N1,Una Vale,01/02/1990", "is no day"),
        ("N1,Una Vale,1990-01-01\nn1,Una Vale,1990-01-01", "is another one but for case"),
        (f"N1,{'x' * 600},1990-01-01", "has more than 500 letters"),
        ("N1,Una\x00Vale,1990-01-01", "signs that cannot be printed"),
        ("", "names nobody"),
    ],
)
def test_people_who_cannot_be_are_refused_without_saying_who(tmp_path: Path, rows: str, problem: str) -> None:
    persons, events = tmp_path / "persons.csv", tmp_path / "events.csv"
    persons.write_text(f"person_number,name,born_on\n{rows}\n")
    write_csv(events, [event("N1", 10)])
    with pytest.raises(InputError) as refusal:
        read_people(persons, events)
    text = f"{refusal.value} {refusal.value.faults}"
    assert problem in text
    assert "Una" not in text
    assert "1990" not in text
