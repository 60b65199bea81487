"""Letters, one record that holds two people, restrictions without a case, and the route for children."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from people import NAMES, TODAY, Programme, event, events_of_all, make_programme, write_csv
from plain_words import reading_age
from pypdf import PdfReader

from becalm.divert.core.screening import CHECKS, CHILD_CHECKS
from becalm.divert.files.read_rule import SHIPPED, read_rule
from becalm.divert.files.records_file import RecordsFile
from becalm.terms import InputError

WORK = "The charges stand, and the youth worker says that help with work would be taken."
HOME = "Three strangers reported it, and his mother has asked the school for somebody to talk to."
LEFT = "The second robbery was another man of the same name, as the victim says."
WHY = ("--sentence", "The victim of these two named a man with another birth date.")
RITA, CORA = ("rights officer", "rita"), ("coordinator", "cora")
CHILDREN = """
[children]
least_age = 10
approvers = ["the children's lead", "the youth justice lead"]
"""


@pytest.fixture
def programme(tmp_path: Path) -> Programme:
    return make_programme(tmp_path)


def load_again(programme: Programme, rows: list[dict[str, str]]) -> None:
    persons = [
        {"person_number": n, "name": name, "born_on": born, "address": f"{n[1:]} Kelp Row", "phone": ""}
        for n, (name, born) in NAMES.items()
    ]
    files = (write_csv(programme.files / "p2.csv", persons), write_csv(programme.files / "e2.csv", rows))
    programme.run("analyst", "ana", "load", *files)


def approve_one(programme: Programme, number: str = "N101") -> str:
    programme.begin()
    programme.nominate(number, WORK)
    programme.screen(number)
    programme.open_evidence(number)
    programme.approve(number, HOME)
    return programme.person(number)


def letter(programme: Programme, person: str, kind: str, code: int = 0) -> str:
    return str(programme.run(*RITA, "letter", person, "--letter", kind, code=code).output)


def test_letters_fit_where_the_case_stands_and_a_child_can_read_them(programme: Programme) -> None:
    person = programme.person("N101")
    assert "there is no case" in letter(programme, person, "notice", code=14)
    approve_one(programme)
    letters = [letter(programme, person, "notice")]
    assert NAMES["N101"][0] in letters[0]
    assert "REHEARSAL" in letters[0]
    assert "nothing is disputed" in letter(programme, person, "receipt", code=14)
    programme.run(*CORA, "challenge", person, "--text", "I was not there.")
    letters.append(letter(programme, person, "receipt"))
    assert "disputed" in letter(programme, person, "notice", code=14)
    reason = ("--decide", "upheld", "--code", "error", "--sentence", LEFT)
    programme.run("rights officer", "rob", "challenge", person, *reason)
    letters.append(letter(programme, person, "challenge"))
    assert LEFT in letters[2]
    letters.append(letter(programme, person, "removal"))
    for text in letters:
        prose = "\n".join(line for line in text.splitlines() if line.rstrip().endswith("."))
        assert reading_age(prose.replace(LEFT, "")) <= 11, text
        assert not [word for word in ("points", "C-N101", "nora", "abe", "rob") if word in text.split()]
    pdf = programme.files / "letter.pdf"
    programme.run(*RITA, "letter", person, "--letter", "removal", "--out", pdf)
    assert "You are off the list" in PdfReader(pdf).pages[0].extract_text()
    lines = programme.ask(*RITA, "who", person, "--purpose", "audit")["lines"]
    assert "letter: challenge" in str(lines), "what was sent stands in the ledger"


def test_whoever_raised_a_challenge_does_not_decide_it(programme: Programme) -> None:
    person = approve_one(programme)
    programme.run(*RITA, "challenge", person, "--text", "I was not there.")
    assert "is disputed already" in programme.run(*CORA, "challenge", person, code=14).output
    reason = ("--decide", "rejected", "--code", "recent_harm", "--sentence", LEFT)
    refused = programme.run("rights officer", "R\u0456ta.", "challenge", person, *reason, code=14)
    assert "raised the challenge" in refused.output
    programme.run("rights officer", "rob", "challenge", person, *reason)
    assert "We looked at it" in letter(programme, person, "challenge")


def test_somebody_without_a_case_is_restricted_and_held_and_freed_again(programme: Programme) -> None:
    programme.begin()
    person = programme.person("N101")
    words = ("--law", "DPA 2018 s.47", "--review-on", TODAY + timedelta(days=30), "--sentence", LEFT)
    programme.run(*RITA, "restrict", person, *words)
    assert "is restricted" in programme.nominate("N101", WORK, code=14).output
    states = {row["person"]: row["state"] for row in programme.ask("analyst", "ana", "list")["selected"]}
    assert states[person] == "restricted"
    programme.run(*RITA, "restrict", person, *words, "--ground", "legal_hold")
    assert "held for a court" in programme.run(*RITA, "purge", "--person", person, code=14).output
    lift = (*words, "--ground", "legal_hold", "--lift")
    assert "placed the hold" in programme.run(*RITA, "restrict", person, *lift, code=14).output
    programme.run("rights officer", "rob", "restrict", person, *lift)
    programme.run(*RITA, "restrict", person, *words, "--lift")
    programme.nominate("N101", WORK)


def split(programme: Programme, role: str, actor: str, *days: int, code: int = 0) -> str:
    crimes = [word for day in days for word in ("--crime", f"C-N101-{day}")]
    words = ("match", programme.person("N101"), "--decide", "split", *crimes, *WHY)
    return str(programme.run(role, actor, *words, code=code).output)


def test_one_record_that_holds_two_people_is_split_by_two_and_survives_the_next_load(
    programme: Programme,
) -> None:
    programme.begin()
    assert "proposed" in split(programme, "screener", "sam", 20, 60)
    assert "may be two people in one record" in programme.nominate("N101", WORK, code=14).output
    assert "proposed this" in split(programme, "screener", "S\u0430m", 20, 60, code=14)
    assert "proposed" in split(programme, "approver", "abe", 20), "another view is a proposal of its own"
    assert "confirmed" in split(programme, "screener", "sam", 20)
    person = programme.person("N101")
    page = programme.open_evidence("N101", "nora")
    assert {row["crime_ref"] for row in page["events"]} == {"C-N101-60", "C-N101-100", "C-N101-150"}
    records = RecordsFile(programme.workspace, bytes).read()
    (one,) = records.splits
    other = programme.ask("approver", "abe", "explain", one.other_person, "--purpose", "decision")
    assert [row["crime_ref"] for row in other["events"]] == ["C-N101-20"]
    assert (other["selected"], other["points"]) == (False, None), "whose age nobody knows is a child"
    load_again(programme, [*events_of_all(), event("N101", 10)])
    again = RecordsFile(programme.workspace, bytes).read()
    assert again.crimes_of_record(one.other_person) == ("C-N101-20",)
    assert "nobody has said whose C-N101-10 is" in programme.nominate("N101", WORK, code=14).output
    for role, actor in (("screener", "sam"), ("approver", "abe")):
        split(programme, role, actor, 20, 10)
    assert RecordsFile(programme.workspace, bytes).read().crimes_of_record(one.other_person) == (
        "C-N101-10",
        "C-N101-20",
    )
    programme.nominate("N101", WORK)
    for role, actor in (("approver", "abe"), ("screener", "sam")):
        split(programme, role, actor)
    assert len(RecordsFile(programme.workspace, bytes).read().crimes_of_record(person)) == 5
    assert RecordsFile(programme.workspace, bytes).read().splits == ()


@pytest.mark.parametrize(
    ("days", "problem"),
    [((7,), "is no crime of this record"), ((20, 60, 100, 150), "all crimes would be the other's")],
)
def test_a_split_that_cannot_be_is_refused(programme: Programme, days: tuple[int, ...], problem: str) -> None:
    assert problem in split(programme, "screener", "sam", *days, code=14)


def test_erasing_the_one_does_not_give_the_other_back_the_crimes(programme: Programme) -> None:
    programme.begin()
    for role, actor in (("screener", "sam"), ("approver", "abe")):
        split(programme, role, actor, 20)
    (one,) = RecordsFile(programme.workspace, bytes).read().splits
    programme.run(*RITA, "purge", "--person", one.other_person)
    load_again(programme, events_of_all())
    records = RecordsFile(programme.workspace, bytes).read()
    assert "C-N101-20" not in records.crimes_of_record(programme.person("N101"))
    assert one.other_person not in records.people["person"].to_pylist()


def turn_children_on(programme: Programme) -> None:
    text = SHIPPED.read_text("utf-8").replace("version = 1", "version = 2")
    head, tail = text.split("[[reasons]]", 1)
    file = programme.files / "children.toml"
    file.write_text(f"{head}{CHILDREN}\n[[reasons]]{tail}", "utf-8")
    programme.run("programme owner", "ola", "rule", "--file", file, "--publish")


def child_nomination(programme: Programme, code: int = 0, *, number: str = "N103") -> str:
    return str(programme.nominate(number, WORK, "--child", code=code).output)


def test_the_route_for_children_is_off_and_an_unknown_age_is_on_neither(programme: Programme) -> None:
    programme.begin()
    assert "the route is off" in child_nomination(programme, 14)
    assert "no route for children" in programme.run("analyst", "ana", "list", "--children", code=14).output
    turn_children_on(programme)
    refused = child_nomination(programme, 14)
    assert "the route for children is off" in refused, "until the papers that say so are signed"
    programme.begin()
    assert "age unknown" in child_nomination(programme, 14, number="N104")
    assert "10 to 17" in child_nomination(programme, 14, number="N101")
    assert "18 or older" in programme.nominate("N103", WORK, code=14).output


def test_a_child_is_offered_help_by_social_care_and_another_approver_and_is_never_scored(
    programme: Programme,
) -> None:
    turn_children_on(programme)
    programme.begin()
    listed = programme.ask("analyst", "ana", "list", "--children")
    person = programme.person("N103")
    assert [row["person"] for row in listed["selected"]] == [person]
    page = programme.ask("nominator", "nora", "explain", person, "--purpose", "decision")
    assert page["selected"] is True
    assert page["points"] is None
    assert {row["points"] for row in page["events"]} == {None}
    assert "points" not in programme.run(
        "nominator", "nora", "explain", person, "--purpose", "decision"
    ).output.replace("gets points", "")
    child_nomination(programme)
    checks = [f"--check={c.name}=no" for c in (*CHECKS, *CHILD_CHECKS)]
    unsure = [c.replace("exploitation=no", "exploitation=unsure") for c in checks]
    assert "not whole" in programme.run("screener", "sam", "screen", person, *checks[:-1], code=14).output
    assert "deferred" in programme.run("screener", "sam", "screen", person, *unsure).output
    programme.run("screener", "sam", "screen", person, *checks)
    look = ("explain", person, "--purpose", "decision")
    reason = ("--code", "recent_harm", "--sentence", HOME)
    approve = ("approve", person, *reason)
    assert "may not approve child" in programme.run("approver", "abe", *approve, code=14).output
    carl, yara = ("child approver", "carl"), ("youth lead", "yara")
    programme.run(*carl, *look)
    assert "nobody from social care agreed" in programme.run(*carl, *approve, code=14).output
    agreed = ("--code", "wants_change", "--sentence", "Social care knows the family and will be there.")
    assert "may not agree" in programme.run(*carl, "agree", person, *agreed, code=14).output
    programme.run(*yara, "agree", person, *agreed)
    answer = programme.ask(*carl, *approve)
    assert answer["expires_on"] == str(TODAY + timedelta(days=45)), "half as long"
    text = letter(programme, person, "notice")
    assert "parent or carer" in text
    assert programme.ask("analyst", "ana", "list")["selected"] != []
    shown = json.dumps(programme.ask("analyst", "ana", "list"))
    assert person not in shown, "no child is on the list of adults"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("least_age = 10", "least_age = 9", "least_age"),
        ('"the youth justice lead"', '"The children\'s lead."', "are not two people"),
        ('"the youth justice lead"', '"shipped example, first approver"', "approved the rule for adults"),
    ],
)
def test_a_route_for_children_needs_two_approvers_of_its_own(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    head, tail = SHIPPED.read_text("utf-8").split("[[reasons]]", 1)
    (tmp_path / "rule.toml").write_text(f"{head}{CHILDREN.replace(old, new)}\n[[reasons]]{tail}", "utf-8")
    with pytest.raises(InputError) as refusal:
        read_rule(tmp_path / "rule.toml")
    assert problem in f"{refusal.value} {refusal.value.faults}"
