"""From the first knock to completed help: the steps of visits as a crew and a coordinator take them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from town import becalm
from visit_cases import MONDAY, approve
from visit_programme import PEOPLE, Programme, refused

from becalm.desk import make_event, record_event
from becalm.divert.core.visits import request as ask
from becalm.divert.desk.context import records_file
from becalm.divert.desk.visits import outcomes
from becalm.divert.desk.visits.funnel import count_harm_by_wave, show_providers
from becalm.divert.desk.visits.price import price_visits
from becalm.divert.files.visits.read_protocol import SHIPPED
from becalm.divert.files.visits.schedule_folder import read_assignments
from becalm.ledger import EventToAppend


def test_one_person_from_the_first_knock_through_a_moved_appointment_to_completed_help(
    visits_on_both_stores: Programme,
) -> None:
    programme = visits_on_both_stores
    monday = MONDAY.date()
    schedule = programme.schedule(monday)
    person = schedule.visits[0].person
    programme.go_to(monday, 9)
    programme.check(person, "conditions", approver="ada", condition=("call the navigator first",))
    pack = programme.pack(person)
    assert pack.details["address"]
    assert pack.check_details["conditions"] == ["call the navigator first"]
    (missed,) = programme.outcome(person, "no_answer")
    assert (missed.event.version, missed.event.facts["result"]) == (2, "no_answer")

    entry = programme.appoint(person, "2020-05-07T13:30", card=pack.card)
    moved = programme.appoint(
        person, "2020-05-08T13:30", move=entry.event.facts["appointment"], why="works that day"
    )
    rows = programme.desk("coordinator").open_ledger().state_rows("appointment")
    assert [(row["state"], row["moved_to"]) for row in sorted(rows, key=lambda row: row["seq"])] == [
        ("moved", moved.event.facts["appointment"]),
        ("due", None),
    ]
    friday = monday + timedelta(days=4)
    programme.go_to(friday, 8)
    assert any(v.appointment for v in programme.schedule(friday).visits if v.person == person)
    programme.go_to(friday, 13)  # 14:00 in London: late is not absent
    programme.check(person)
    programme.pack(person)
    met, offer = programme.outcome(person, "contact", response="interested", need=("work_and_learning",))
    assert met.event.facts["appointment"] == moved.event.facts["appointment"]
    assert "needs" not in offer.event.facts

    second = friday + timedelta(days=8)  # a Saturday
    programme.appoint(person, f"{second}T13:00")
    programme.go_to(second, 8)
    programme.schedule(second)
    programme.go_to(second, 12)
    programme.check(person)
    programme.pack(person)
    programme.outcome(person, "contact", response="interested")

    programme.consent(person, "harbour")
    sent = programme.refer(person, "send", provider="harbour")
    number = sent.event.facts["referral"]
    programme.refer(person, "accept", referral=number)
    programme.clock.at += timedelta(days=5)
    programme.session(person, number, attended="late", goal=1, result="set", note="find a course")
    programme.session(person, number, attended="no", reason="logistics")
    programme.session(person, number, goal=1, result="achieved", note="began the course")
    with refused("`report`|report"):
        programme.refer(person, "end", referral=number, code="completed")
    programme.refer(person, "end", referral=number, code="completed", report="He began the course.")
    row = programme.desk("coordinator").open_ledger().state_rows("referral")[0]
    assert (row["state"], row["sessions"], row["attended"], row["end_code"]) == ("ended", 2, 1, "completed")

    funnel = programme.funnel()
    counts = {stage.stage: stage.count for stage in funnel.stages}
    assert counts["selected"] >= counts["approved"] == PEOPLE
    assert [counts[name] for name in ("first_contact", "second_contact", "started", "completed")] == [1] * 4
    assert funnel.attempts == 3
    ledger = programme.desk("coordinator").open_ledger()
    assert ledger.rebuild() == ()


def test_a_call_that_may_not_be_made_is_refused_and_leaves_nothing_behind(
    visits_on_both_stores: Programme,
) -> None:
    programme = visits_on_both_stores
    monday = MONDAY.date()
    schedule = programme.schedule(monday)
    first, second = schedule.visits[0].person, schedule.visits[-1].person
    programme.go_to(monday, 9)
    size = programme.size()
    with refused("nobody looked at whether"):
        programme.pack(first)
    assert programme.size() == size
    programme.check(first, "no_go", approver="ada", note="dogs")
    with refused("no-go"):
        programme.pack(first)
    with refused("is on patrol at that hour"):
        programme.pack(first, crew="C")
    other_crew = "A" if programme.crew_of(second) == "B" else "B"
    programme.check(second)
    with refused("is assigned to"):
        programme.pack(second, crew=other_crew)
    programme.go_to(monday, 19)  # 20:00 in London
    with refused("outside the hours"):
        programme.pack(second)
    programme.go_to(monday + timedelta(days=1), 9)
    with refused("is not on duty"):
        programme.pack(second)
    programme.go_to(monday, 13)
    programme.pack(second)
    programme.outcome(second, "no_answer")
    size = programme.size()
    with refused("an outcome of 2020-05-04 is there already"):
        programme.outcome(second, "no_answer")
    assert programme.size() == size


def test_who_has_left_or_is_disputed_is_not_called_on(visits_on_both_stores: Programme) -> None:
    programme = visits_on_both_stores
    monday = MONDAY.date()
    schedule = programme.schedule(monday)
    gone, disputed = schedule.visits[0].person, schedule.visits[1].person
    desk = programme.desk("coordinator")
    left = make_event(
        desk, "programme_left", purpose="decision", subject=gone, facts={"end": "moved", "codes": ("x",)}
    )
    challenge = make_event(
        desk, "challenge_raised", purpose="challenge", subject=disputed,
        facts={"by": "person", "acknowledge_by": "2020-05-06", "decide_by": "2020-05-18"},
    )  # fmt: skip
    desk.open_ledger().append([EventToAppend(left), EventToAppend(challenge)])
    for person, reason in ((gone, "the case is moved"), (disputed, "the case is disputed")):
        with refused(reason):
            programme.check(person)
        with refused(reason):
            programme.pack(person)
    again = programme.schedule(monday)
    assert not {gone, disputed} & {visit.person for visit in again.visits}


def test_a_card_that_somebody_else_rings_back_tells_nothing(visits_on_both_stores: Programme) -> None:
    programme = visits_on_both_stores
    monday = MONDAY.date()
    schedule = programme.schedule(monday)
    person, other = schedule.visits[0].person, schedule.visits[1].person
    programme.go_to(monday, 12)
    programme.check(person)
    card = programme.pack(person).card
    programme.outcome(person, "no_answer")
    with refused("was not left for this person"):
        programme.appoint(other, "2020-05-07T13:30", card=card)
    programme.appoint(person, "2020-05-07T13:30", card=card)


def test_no_referral_without_consent_nor_to_who_is_full_or_has_no_agreement(
    visits_on_both_stores: Programme,
) -> None:
    programme = visits_on_both_stores
    programme.schedule(MONDAY.date())
    people = programme.people
    with refused("gave no consent"):
        programme.refer(people[0], "send", provider="harbour")
    programme.consent(people[0], "bridge")
    with refused("sharing agreement SA-2 ended on 2020-05-01"):
        programme.refer(people[0], "send", provider="bridge")
    for person in people[:3]:
        programme.consent(person, "harbour")
    numbers = [
        programme.refer(person, "send", provider="harbour").event.facts["referral"] for person in people[:2]
    ]
    with refused("it is full: 2 of 2"):
        programme.refer(people[2], "send", provider="harbour")
    with refused("the referral is sent already"):
        programme.refer(people[0], "start", referral=numbers[0])
    programme.refer(people[0], "reject", referral=numbers[0], code="language")
    programme.refer(people[2], "send", provider="harbour")
    programme.consent(people[1], "harbour", "withdrawn")
    rows = {r["referral"]: r for r in programme.desk("coordinator").open_ledger().state_rows("referral")}
    assert rows[numbers[1]]["end_code"] == "withdrew_consent"
    report = {
        r.provider: r for r in show_providers(programme.desk("coordinator"), ask.ProvidersRequest()).reports
    }
    assert (report["harbour"].referred, report["harbour"].waiting, report["bridge"].referred) == (3, 1, 0)


def test_a_protocol_that_nobody_signed_plans_nothing(visit_programme: Programme, tmp_path: Path) -> None:
    programme = visit_programme
    own = programme.workspace / "visit_protocol.toml"
    own.write_text(SHIPPED.read_text("utf-8").replace("attempts = 5 ", "attempts = 8 "), "utf-8")
    with refused("nobody has signed"):
        programme.schedule(MONDAY.date())
    with refused("may not price"):
        price_visits(programme.desk("coordinator"), ask.PriceRequest(people=50, sign=True))


def test_an_appointment_without_an_outcome_is_on_somebodys_list_next_morning(
    visit_programme: Programme,
) -> None:
    programme = visit_programme
    programme.schedule(MONDAY.date())
    person = programme.people[0]
    programme.appoint(person, "2020-05-05T13:30")
    due = ask.DueRequest()
    assert outcomes.list_due(programme.desk("coordinator"), due) == ()
    programme.go_to(date(2020, 5, 6), 7)
    (row,) = outcomes.list_due(programme.desk("coordinator"), due)
    assert (row.person, row.day, row.note) == (person, "2020-05-05", "visit 1, weekday afternoon")
    assert row.task == "outcome of an appointment"


def test_a_crew_that_falls_out_leaves_the_others_what_they_have(visit_programme: Programme) -> None:
    programme = visit_programme
    crews = programme.workspace / "crews.csv"
    crews.write_text(crews.read_text("utf-8").replace("vehicle,12:00,8", "vehicle,12:00,2"), "utf-8")
    schedule = programme.schedule(MONDAY.date())
    assert {visit.crew for visit in schedule.visits} == {"A", "B"}
    kept = {visit.person for visit in schedule.visits if visit.crew == "B"}
    again = programme.schedule(MONDAY.date(), without=("A",))
    assert {visit.crew for visit in again.visits} == {"B"}
    assert kept <= {visit.person for visit in again.visits}
    folder = programme.workspace / "plan"
    assert {path.name for path in folder.glob("*/*")} == {"b.html", "b.ics"}
    assert "SEQUENCE:1" in (folder / "calendars" / "b.ics").read_text("utf-8")
    with refused("is no crew of it"):
        programme.schedule(MONDAY.date(), without=("Z",))


def test_the_order_of_first_offers_is_drawn_once_from_a_sealed_seed_and_counted_without_names(
    visit_programme: Programme,
) -> None:
    programme = visit_programme
    programme.schedule(MONDAY.date(), wave=5)
    programme.schedule(MONDAY.date(), wave=5)
    entries = list(programme.desk("coordinator").open_ledger().entries(kinds=("allocation_made",)))
    arms = [entry.event.facts["arm"] for entry in entries]
    assert sorted({arm: arms.count(arm) for arm in arms}.values()) == [2, 5, 5]
    assert len({entry.event.facts["commitment"] for entry in entries}) == 1
    harm = count_harm_by_wave(programme.desk("coordinator"), days=90)
    assert [(row.wave, row.people) for row in harm] == [(1, 5), (2, 5), (3, 2)]


def test_every_command_says_what_it_did_as_json(
    visits_on_both_stores: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme = visits_on_both_stores

    def ask_for(role: str, *words: object, code: int = 0) -> Any:
        monkeypatch.setenv("BECALM_ROLE", role)
        options = ("--workspace", programme.workspace, "--format", "json")
        result = becalm("divert", *words, *options, code=code)
        return json.loads(result.stdout) if code == 0 else result.output

    person = programme.people[0]
    price = ask_for("programme owner", "price", "--people", 50, "--crews", 2, "--cities", 1, "--chance", 0.45)
    assert price["is_signed"]
    assert [row["attempts"] for row in price["prices"]] == [1, 3, 5, 8]
    crews = ("--crews", programme.workspace / "crews.csv", "--out", programme.workspace / "plan")
    planned = ask_for(
        "coordinator", "schedule", "--from", "2020-05-04", *crews, "--work", 5, "--purpose", "visit"
    )
    assert {visit["crew"] for visit in planned["visits"]} <= {"A", "B"}
    assert planned["visits"]
    today = datetime.now(UTC).date()
    later = today + timedelta(days=3)
    agreed = ask_for(
        "coordinator", "visit", "appoint", person, "--at", f"{later}T15:30", "--purpose", "visit"
    )
    assert agreed["facts"]["day"] == str(later)
    ask_for("coordinator", "visit", "check", person, "--day", today, "--result", "go", "--purpose", "visit")
    assert "is not on duty" in ask_for("visiting officer", "visit", "pack", person, "--crew", "A", code=14)
    assert ask_for("coordinator", "visit", "due", "--purpose", "visit") == []
    assert "were made" in ask_for("coordinator", "visit", "letter", person, code=14)
    given = ask_for("coordinator", "consent", person, "--change", "given", "--provider", "harbour")
    assert given["kind"] == "consent_changed"
    assert "14" not in ask_for(
        "coordinator", "refer", person, "--step", "send", "--provider", "harbour", code=14
    )
    assert "no referral" in ask_for(
        "coordinator", "session", person, "--referral", "R-1", "--attended", "yes", code=14
    )
    funnel = ask_for("coordinator", "funnel", "--by", "age")
    assert list(funnel)[:13] == [
        *("selected", "approved", "first_contact", "second_contact", "offered", "interested", "referred"),
        *("started", "completed", "as_of", "protocol", "not_at_address", "attempts"),
    ]
    assert ask_for("coordinator", "providers")["providers"][1]["provider"] == "harbour"
    assert "may not" in ask_for(
        "analyst", "consent", person, "--change", "given", "--provider", "harbour", code=14
    )


def test_nobody_calls_on_a_child_without_an_appointment_at_which_somebody_is_present(
    visit_programme: Programme,
) -> None:
    programme, monday = visit_programme, MONDAY.date()
    papers = {
        "rule_sha256": "0" * 64, "mode": "rehearsal", "settings_sha256": "0" * 64, "legal_basis": "law",
        "papers": (), "review_on": "2099-01-01", "children": True,
    }  # fmt: skip
    owner = programme.desk("programme owner")
    record_event(owner, "programme_activated", purpose="decision", facts=papers)
    names = records_file(programme.desk("analyst")).read().people["person"].to_pylist()
    child = sorted(names)[len(programme.people)]
    approve(programme.desk("approver"), [child], date(2020, 5, 3), is_child=True)
    programme.schedule(monday)
    assert child not in {visit.person for visit in read_assignments(programme.workspace).visits}
    programme.go_to(monday, 9)
    with refused("about a child"):
        programme.appoint(child, "2020-05-06T13:30")
    programme.appoint(child, "2020-05-06T13:30", present="his aunt")
    wednesday = monday + timedelta(days=2)
    programme.go_to(wednesday, 8)
    programme.schedule(wednesday)
    assert child in {visit.person for visit in read_assignments(programme.workspace).visits}
    programme.check(child)
    programme.go_to(wednesday, 12)
    assert programme.pack(child).appointment_details["present"] == "his aunt"
    number = programme.desk("coordinator").open_ledger().state_rows("appointment")[0]["appointment"]
    programme.appoint(child, "2020-05-08T13:30", move=number, why="school", present="his aunt")
    with refused("nobody calls on a child without one"):
        programme.pack(child)
