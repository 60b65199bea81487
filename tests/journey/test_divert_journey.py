"""A person's way through `becalm divert` on both stores, and every step that is refused on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from people import NAMES, Programme, event, events_of_all, make_programme, write_csv
from postgres import Server
from pypdf import PdfReader
from town import becalm

from becalm.divert.files.protected_store import ProtectedStore
from becalm.divert.files.records_file import RecordsFile

WORK = "The charges stand, and the youth worker says that help with work would be taken."
HOME = "Three strangers reported it, and his mother has asked the school for somebody to talk to."
LEFT = "The second robbery was another man of the same name, as the victim says."


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def programme(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Programme]:
    folder = tmp_path_factory.mktemp("divert")
    if request.param == "sqlite":
        yield make_programme(folder)
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.fresh_ledger()
    yield make_programme(folder, url)
    server.drop(url)


def test_the_way_of_one_person_to_a_decision_a_challenge_and_out(programme: Programme) -> None:
    person = programme.person("N101")
    listed = programme.ask("analyst", "ana", "list")
    assert listed["mode"] == "rehearsal"
    assert {row["person"]: row["route"] for row in listed["selected"]} == {
        programme.person("N101"): "standard",
        programme.person("N102"): "support_first",
        programme.person("N108"): "standard",
        programme.person("N109"): "standard",
        programme.person("N110"): "standard",
        programme.person("N111"): "standard",
    }
    programme.begin()
    programme.nominate("N101", WORK, "--crime", "C-N101-20")
    programme.screen("N101", needs_interpreter="yes")
    assert "has not opened the evidence" in programme.approve("N101", HOME, code=14).output
    assert programme.open_evidence("N101")["selected"] is True
    answer = programme.approve("N101", HOME)
    assert "is approved" in answer.output
    assert "REHEARSAL" in answer.output
    dispute = ("challenge", person, "--disputed-by", "person", "--text", "I was not there.")
    programme.run("coordinator", "cora", *dispute)
    reason = ("--decide", "upheld", "--code", "error", "--sentence", LEFT)
    refused = programme.run("rights officer", "abe", "challenge", person, *reason, code=14)
    assert "was the approver" in refused.output
    programme.run("rights officer", "rita", "challenge", person, *reason)
    states = {row["person"]: row["state"] for row in programme.ask("analyst", "ana", "list")["selected"]}
    assert states[person] == "removed_challenge"


def test_the_person_gets_all_that_is_kept_and_then_it_is_gone(programme: Programme, tmp_path: Path) -> None:
    person = programme.person("N101")
    rita = ("rights officer", "rita")
    pack = programme.ask(*rita, "sar", person, "--out", tmp_path / "pack")
    data = json.loads((tmp_path / "pack" / "pack.json").read_text("utf-8"))
    assert data["details"]["name"] == NAMES["N101"][0]
    sentences = [step["details"].get("sentence") for step in data["steps"]]
    assert {WORK, HOME, LEFT} <= set(sentences)
    assert {line[1] for line in data["accesses"]} >= {"approver", "nominator", "rights officer"}
    assert pack["withheld_fields"] == ["checks", "note"]
    printed = "".join(page.extract_text() for page in PdfReader(tmp_path / "pack" / "pack.pdf").pages)
    assert NAMES["N101"][0] in printed
    assert "nora" not in (tmp_path / "pack" / "pack.json").read_text("utf-8")
    more = programme.ask(*rita, "sar", person, "--release", "note", "--out", tmp_path / "more")
    assert more["withheld_fields"] == ["checks"]
    lines = programme.ask(*rita, "who", person, "--purpose", "audit")["lines"]
    assert "access pack; released: note" in str(lines), "what was released stands in the ledger"
    assert {line["actor"] for line in lines} >= {"nora", "sam", "abe", "cora", "rita"}
    done = programme.ask(*rita, "purge", "--person", person)
    assert done["erased_count"] == done["due_count"] > 5
    assert "nothing to do" in programme.run(*rita, "purge", "--person", person, code=14).output
    protected = ProtectedStore(programme.workspace / "divert", RecordsFile(programme.workspace, bytes))
    assert person not in protected.read()
    assert len(protected.read()) > 5
    for path in programme.workspace.rglob("*"):
        if path.is_file():
            assert NAMES["N101"][0].encode() not in path.read_bytes(), path
    with pytest.raises(ValueError, match="not in list"):
        programme.person("N101")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BECALM_WORKSPACE", str(programme.workspace))
        if programme.ledger_url:
            patch.setenv("BECALM_LEDGER", programme.ledger_url)
        becalm("record", "verify")


def test_who_the_rule_does_not_select_cannot_be_nominated(programme: Programme) -> None:
    for number, problem in (
        ("N103", "18 or older"),
        ("N104", "age unknown, so treated as a child"),
        ("N105", "different crimes as suspect"),
        ("N106", "different crimes as suspect"),
        ("N107", "age of the newest"),
        ("N108", "may be the same person"),
    ):
        assert problem in programme.nominate(number, WORK, code=14).output


@pytest.mark.parametrize("name", ["nora.", "N\u043era", "NORA"])  # with a Cyrillic o
def test_nobody_approves_alone_under_another_spelling(programme: Programme, name: str) -> None:
    if name == "nora.":
        programme.begin()
        programme.nominate("N110", "He came to the centre twice and asked for a place to sleep.")
        programme.screen("N110")
    programme.open_evidence("N110", name)
    sentence = "The facts are not in doubt, and a place to sleep can be found this week."
    assert "nominated this person too" in programme.approve("N110", sentence, actor=name, code=14).output


def test_a_copied_reason_is_refused_and_so_is_one_without_words(programme: Programme) -> None:
    programme.open_evidence("N110")
    copied = "he came to the centre twice, and asked for a place to sleep!"
    assert "like one that was given before" in programme.approve("N110", copied, code=14).output
    assert "fewer than" in programme.approve("N110", "ok", code=14).output
    assert "is no reason why" in programme.approve("N110", HOME + " Now.", codes=["error"], code=14).output


def test_a_victim_needs_support_first_and_an_owner_of_a_live_case_stays_out(programme: Programme) -> None:
    programme.nominate("N102", "He was robbed in May himself, and a partner already knows the family well.")
    programme.screen("N102")
    programme.open_evidence("N102")
    sentence = "A partner can lead here; the police need not come to the door at all."
    assert "support_first" in programme.approve("N102", sentence, code=14).output
    programme.approve("N102", sentence, codes=["support_first"])
    reason = (
        "--code",
        "recent_harm",
        "--sentence",
        "Two shops named the same man, and he wants to pay back.",
    )
    words = ("nominate", programme.person("N111"), *reason)
    assert "owns a live case" in programme.run("nominator", "P\u0430t.", *words, code=14).output


@pytest.mark.parametrize(
    ("ref", "problem"),
    [
        ("C-unknown", "is unknown: it is no crime of this person"),
        ("C-N111-400", "has expired: it is 400 days old, and the rule looks back 365 days"),
        ("C-N111-30", ""),
    ],
    ids=["unknown", "expired", "known"],
)
def test_a_crime_that_earns_nothing_is_no_ground(programme: Programme, ref: str, problem: str) -> None:
    sentence = "Two shops named the same man in one week, and he wants to pay them back."
    result = programme.nominate("N111", sentence, "--crime", ref, code=14 if problem else 0)
    assert problem in result.output


def test_a_column_that_is_not_allowed_is_refused_by_name_and_nothing_is_taken_in(
    programme: Programme, tmp_path: Path
) -> None:
    persons = [{"person_number": "N1", "name": "Una Vale", "born_on": "1990-01-01", "religion": "x"}]
    files = (
        write_csv(tmp_path / "p.csv", persons),
        write_csv(tmp_path / "e.csv", [event("N1", 3) | {"mood": "y"}]),
    )
    before = programme.ask("analyst", "ana", "list")["people"]
    refused = programme.run("analyst", "ana", "load", *files, code=4)
    assert "'religion' is not allowed" in refused.output
    assert "'mood' is not allowed" in refused.output
    assert programme.ask("analyst", "ana", "list")["people"] == before


def test_two_people_join_two_records_and_part_them_again(programme: Programme) -> None:
    first, second = programme.person("N108"), programme.person("N109")
    pairs = programme.ask("screener", "sam", "match")["pairs"]
    assert sorted((first, second)) in pairs
    words = (
        first,
        second,
        "--decide",
        "join",
        "--sentence",
        "Same birth date, same mother, one slip in a name.",
    )
    assert programme.ask("screener", "sam", "match", *words)["stage"] == "proposed"
    assert "proposed this" in programme.run("screener", "S\u0430m", "match", *words, code=14).output
    assert programme.ask("approver", "abe", "match", *words)["stage"] == "confirmed"
    assert len(programme.ask("analyst", "ana", "list")["selected"]) == 4
    words = (
        first,
        second,
        "--decide",
        "part",
        "--sentence",
        "The mother says that these are two of her sons.",
    )
    programme.run("screener", "sam", "match", *words)
    programme.run("approver", "abe", "match", *words)
    assert len(programme.ask("analyst", "ana", "list")["selected"]) == 5
    assert programme.ask("screener", "sam", "match")["pairs"] == []


def test_a_rule_without_approvers_is_refused_and_a_new_one_says_who_would_come_and_go(
    programme: Programme, tmp_path: Path
) -> None:
    from becalm.divert.files.read_rule import SHIPPED

    text = SHIPPED.read_text("utf-8")
    owner = ("programme owner", "ola")
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace('"shipped example, second approver"', '"Shipped example, first approver."'))
    assert "are not two people" in programme.run(*owner, "rule", "--file", bad, code=4).output
    new = tmp_path / "new.toml"
    new.write_text(
        text.replace("version = 1", "version = 2").replace("recent_days = 180", "recent_days = 300")
    )
    answer = programme.ask(*owner, "rule", "--file", new)
    assert (answer["changes"][0]["coming_count"], answer["changes"][0]["going_count"]) == (1, 0)
    assert "N107" not in json.dumps(answer)
    programme.run(*owner, "rule", "--file", new, "--publish")
    assert "settings changed" in programme.approve("N110", HOME + " Once more.", code=14).output
    assert (
        "is not newer" in programme.run(*owner, "rule", "--file", write_older(text, tmp_path), code=14).output
    )


def write_older(text: str, folder: Path) -> Path:
    path = folder / "older.toml"
    path.write_text(text.replace("limit = 1000", "limit = 999"))
    return path


def test_a_purge_that_fails_is_recorded_and_stops_approvals(
    programme: Programme,
) -> None:
    programme.begin()
    rows = [row for row in events_of_all() if row["person_number"] != "N105"]
    persons = [
        {"person_number": n, "name": name, "born_on": born}
        for n, (name, born) in NAMES.items()
        if n != "N105"  # no longer in the files, so that the details are due
    ]
    files = (write_csv(programme.files / "p2.csv", persons), write_csv(programme.files / "e2.csv", rows))
    gone = programme.person("N105")
    programme.run("analyst", "ana", "load", *files)
    sealed = programme.workspace / "divert" / "records.sealed"
    content = sealed.read_bytes()
    sealed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    system = ("system administrator", "sys")
    assert "was altered" in programme.run(*system, "purge", code=14).output
    sealed.write_bytes(content)
    refused = programme.approve("N110", "The facts stand, and a bed was found for him yesterday.", code=14)
    assert "failed the last time" in refused.output
    assert programme.ask(*system, "purge")["erased_count"] == 1
    assert programme.ask(*system, "purge")["due_count"] == 0
    lines = programme.ask("auditor", "aud", "who", gone, "--purpose", "audit")["lines"]
    assert [line["kind"] for line in lines] == ["person_known"]


def test_a_role_that_may_not_is_refused_and_an_emergency_is_recorded(programme: Programme) -> None:
    person = programme.person("N110")
    words = ("explain", person, "--purpose", "visit")
    assert "may not explain" in programme.run("visiting officer", "vic", *words, code=14).output
    assert "is no role here" in programme.run("investigator", "ivy", *words, code=14).output
    programme.run("visiting officer", "vic", *words, "--emergency", "A threat to his life came in just now.")
    another = ("explain", programme.person("N102"), "--purpose", "visit")
    assert "may not explain" in programme.run("visiting officer", "vic", *another, code=14).output
    reason = ("--emergency", "I want to know where he lives now.")
    programme.run("investigator", "ivy", *words, *reason, code=14)
    lines = programme.ask("auditor", "aud", "who", person, "--purpose", "audit")["lines"]
    assert ("vic", "access_forced") in {(line["actor"], line["kind"]) for line in lines}
