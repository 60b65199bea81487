"""Visits as somebody would break them: wishes, outcomes put right, help without an end, facts that tell."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import MISSING, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from town import becalm
from visit_cases import MONDAY
from visit_programme import Programme, refused

from becalm.divert.core.visits import request as ask
from becalm.divert.desk.context import records_file
from becalm.divert.desk.people import read_details
from becalm.divert.desk.visits import calls, outcomes, referrals
from becalm.divert.desk.visits.wishes import change_wishes
from becalm.record.core.request import CorrectRequest, WithdrawRequest, WrittenFacts
from becalm.record.desk.write import correct_entry, withdraw_entry
from becalm.terms import CaseError, UsageError

FIRST_DAY = MONDAY.date()
LIBRARY = "the library in Ash Street"


def rows_of(programme: Programme, table: str) -> list[Any]:
    return list(programme.desk("coordinator").open_ledger().state_rows(table))


def library_near(programme: Programme, person: str) -> dict[str, str]:
    """A neutral place round the corner of where somebody lives."""
    desk = programme.desk("coordinator")
    details = read_details(desk, records_file(desk).read(), person, purpose="visit")
    return {"place": LIBRARY, "place_at": f"{float(details['easting']) + 90:.0f},{details['northing']}"}


def called_on(programme: Programme, result: str, hour_utc: int = 12, **changes: Any) -> tuple[str, Any]:
    """Somebody at whose door a crew was today, and what was recorded."""
    schedule = programme.schedule(FIRST_DAY)
    person = schedule.visits[0].person
    programme.go_to(FIRST_DAY, hour_utc)
    programme.check(person)
    programme.pack(person)
    return person, programme.outcome(person, result, **changes)


def test_wishes_are_kept_by_the_schedule_and_refused_at_the_door_and_on_the_telephone(
    visits_on_both_stores: Programme,
) -> None:
    programme = visits_on_both_stores
    person = programme.schedule(FIRST_DAY).visits[0].person
    place = library_near(programme, person)
    wishes: dict[str, Any] = {"interpreter": "Polish", "easy_read": True, "present": "my sister", **place}
    answer = programme.wish(person, unavailable=("every day 09:00-17:00",), **wishes)
    assert (answer.wishes.interpreter, answer.wishes.present) == ("Polish", "my sister")
    assert answer.entry.event.facts == {"asked_by": "person"}
    (visit,) = [v for v in programme.schedule(FIRST_DAY).visits if v.person == person]
    assert (visit.daypart, visit.aids) == ("weekday evening", ("interpreter", "easy read"))
    programme.go_to(FIRST_DAY, 12)
    programme.check(person)
    with refused("the person asked for no visit on Monday at 13:00"):
        programme.pack(person)
    with refused("asked for no visit on Tuesday at 10:00"):
        programme.appoint(person, "2020-05-05T10:00", place="neutral")
    with refused("asked not to be met at home"):
        programme.appoint(person, "2020-05-05T17:30")
    programme.appoint(person, "2020-05-05T17:30", place="neutral")
    clash = programme.wish(person, unavailable=("tuesday",), **wishes)
    assert len(clash.clashing_appointments) == 1
    tuesday = FIRST_DAY + timedelta(days=1)
    programme.go_to(tuesday, 8)
    schedule = programme.schedule(tuesday)
    assert schedule.unplaced == clash.clashing_appointments
    assert person not in {v.person for v in schedule.visits}
    assert programme.wish(person).wishes == clash.wishes  # only looked at
    assert programme.wish(person, clear=True).wishes.unavailable == ()
    facts = json.dumps([dict(e.event.facts) for e in programme.desk("coordinator").open_ledger().entries()])
    assert not [word for word in ("Polish", "sister", "library", "easy") if word in facts]


def test_the_pack_says_where_and_when_to_meet_and_who_may_be_there(visit_programme: Programme) -> None:
    programme = visit_programme
    person = programme.schedule(FIRST_DAY).visits[0].person
    programme.wish(person, present="my sister", **library_near(programme, person))
    programme.appoint(person, "2020-05-04T13:30", place="neutral", where="room 2")
    programme.schedule(FIRST_DAY)
    programme.go_to(FIRST_DAY, 12)
    programme.check(person)
    pack = programme.pack(person)
    from becalm.divert.files.visits.pack_page import pack_document, pack_page

    page = pack_page(pack_document(pack), "1")
    for words in (LIBRARY, "13:30, neutral, room 2", "my sister"):
        assert words in page
    assert pack.details["address"] not in page


def test_wishes_that_cannot_be_kept_are_refused_all_together(visit_programme: Programme) -> None:
    person = visit_programme.people[0]
    size = visit_programme.size()
    with pytest.raises(CaseError) as caught:
        visit_programme.wish(person, unavailable=("someday", "tuesday 12:00-09:00"), place="a café")
    assert [fault.where for fault in caught.value.faults] == ["unavailable", "unavailable", "place_at"]
    with refused("does not fit the other wishes"):
        visit_programme.wish(person, clear=True, interpreter="Polish")
    assert [e.event.kind for e in visit_programme.desk("coordinator").open_ledger().entries(after=size)] == []


def test_an_outcome_that_was_wrong_is_put_right_in_every_table(visits_on_both_stores: Programme) -> None:
    programme = visits_on_both_stores
    schedule = programme.schedule(FIRST_DAY)
    person = schedule.visits[0].person
    number = programme.appoint(person, "2020-05-04T13:30").event.facts["appointment"]
    programme.schedule(FIRST_DAY)
    programme.go_to(FIRST_DAY, 12)
    programme.check(person)
    programme.pack(person)
    (missed,) = programme.outcome(person, "no_answer")
    with refused(f"an outcome of {FIRST_DAY} is there already"):
        programme.outcome(person, "contact", response="interested")
    met, _offer = programme.outcome(person, "contact", response="interested", correct=missed.seq)
    assert (met.event.corrects, met.event.kind) == (missed.seq, "visit_made")
    (appointment,) = rows_of(programme, "appointment")
    (pack,) = [row for row in rows_of(programme, "pack") if row["outcome"]]
    (outcome,) = rows_of(programme, "outcome")
    (case,) = [row for row in rows_of(programme, "case") if row["subject"] == person]
    assert (appointment["state"], pack["outcome"], outcome["outcome"]) == ("kept", "met", "met")
    assert (appointment["appointment"], case["state"]) == (number, "notified")
    funnel = programme.funnel()
    assert (funnel.count("first_contact"), funnel.count("interested"), funnel.attempts) == (1, 1, 1)

    again, _withdrawal = programme.outcome(person, "wrong_person", correct=missed.seq)
    (appointment,) = rows_of(programme, "appointment")
    (pack,) = [row for row in rows_of(programme, "pack") if row["outcome"]]
    assert (appointment["state"], pack["outcome"]) == ("missed", "not_at_address")
    funnel = programme.funnel()
    assert (funnel.count("first_contact"), funnel.count("offered"), funnel.not_at_address) == (0, 0, 1)
    assert again.event.facts["attempt"] == 1
    assert programme.desk("coordinator").open_ledger().rebuild() == ()


def test_a_correction_keeps_the_day_the_crew_and_the_person(visit_programme: Programme) -> None:
    programme = visit_programme
    person, (missed,) = called_on(programme, "no_answer")
    other = next(p for p in programme.people if p != person)
    with refused("is no outcome of"):
        programme.outcome(other, "no_answer", crew="A", correct=missed.seq)
    with refused("that call was made on 2020-05-04"):
        programme.outcome(person, "no_answer", correct=missed.seq, crew="C")
    with refused("is no outcome of"):
        programme.outcome(person, "no_answer", correct=1)
    desk = programme.desk("coordinator")
    with refused("keep the day, the crew and the appointment"):
        correct_entry(desk, CorrectRequest(entry=missed.seq, changes=WrittenFacts(facts=("crew=Z",))))
    correct_entry(desk, CorrectRequest(entry=missed.seq, changes=WrittenFacts(facts=("result=away",))))
    assert [row["outcome"] for row in rows_of(programme, "pack")] == ["away"]
    with refused("never withdrawn"):
        withdraw_entry(desk, WithdrawRequest(entry=missed.seq, reason="it was another day"))


def test_a_call_that_was_called_off_does_not_hide_the_attempt_before_it(visit_programme: Programme) -> None:
    programme = visit_programme
    person, _ = called_on(programme, "no_answer")
    tuesday = FIRST_DAY + timedelta(days=1)
    programme.go_to(tuesday, 8)
    assert person not in {v.person for v in programme.schedule(tuesday).visits}
    history = calls.open_case(programme.desk("coordinator"), person, "visit", purpose="visit").history
    assert history.last_attempt is not None


def help_under_way(programme: Programme) -> tuple[str, str]:
    person, _ = called_on(programme, "contact", response="interested", need=("work_and_learning",))
    programme.consent(person, "harbour")
    number = programme.refer(person, "send", provider="harbour").event.facts["referral"]
    programme.refer(person, "accept", referral=number)
    return person, str(number)


def test_help_ends_with_a_report_and_with_every_goal_judged(visits_on_both_stores: Programme) -> None:
    programme = visits_on_both_stores
    person, number = help_under_way(programme)
    with refused("no session was attended"):
        programme.refer(person, "end", referral=number, code="completed", report="fine")
    programme.session(person, number, attended="yes", goal=1, result="set", note="find work")
    with refused("goal 1 was set and not judged"):
        programme.refer(person, "end", referral=number, code="completed", report="fine")
    with refused("report is missing|is missing"):
        programme.refer(person, "end", referral=number, code="work_or_caring")
    programme.session(person, number, goal=1, result="partly", note="works two days")
    programme.refer(person, "end", referral=number, code="completed", report="Works two days a week.")
    with refused("has its report already"):
        programme.refer(person, "report", referral=number, report="again")
    ledger = programme.desk("coordinator").open_ledger()
    (report,) = ledger.entries(kinds=("help_reported",))
    assert (report.event.facts["partly"], report.event.facts["sessions"]) == (1, 1)
    assert "two days" not in json.dumps(dict(report.event.facts))
    assert ledger.rebuild() == ()


def test_help_that_ended_without_a_report_is_on_somebodys_list_and_staying_away_is_not(
    visit_programme: Programme,
) -> None:
    programme = visit_programme
    person, number = help_under_way(programme)
    programme.session(person, number, attended="no", reason="acceptable")
    programme.clock.at += timedelta(days=60)
    due = ask.DueRequest()
    assert outcomes.list_due(programme.desk("coordinator"), due) == ()
    programme.consent(person, "harbour", "withdrawn")
    programme.clock.at += timedelta(days=11)
    (task,) = outcomes.list_due(programme.desk("coordinator"), due)
    assert (task.person, task.number, task.task) == (person, number, "the report on the help")
    programme.refer(person, "report", referral=number, report="One session was offered.")
    assert outcomes.list_due(programme.desk("coordinator"), due) == ()


def test_a_referral_fits_the_area_and_what_the_person_named(visit_programme: Programme) -> None:
    programme = visit_programme
    person, _ = called_on(programme, "contact", response="interested", need=("accommodation",))
    programme.consent(person, "harbour")
    with refused("it helps with work_and_learning, not with what the person named"):
        programme.refer(person, "send", provider="harbour")
    directory = programme.workspace / "providers.toml"
    text = directory.read_text("utf-8").replace(
        'needs = ["work', 'areas = ["Nowhere"]\nneeds = ["accommodation", "work'
    )
    directory.write_text(text, "utf-8")
    with refused("it helps in Nowhere alone"):
        programme.refer(person, "send", provider="harbour")


def test_the_funnel_is_shown_by_area_age_and_week_of_those_who_were_selected_then(
    visits_on_both_stores: Programme,
) -> None:
    programme = visits_on_both_stores
    person, _ = called_on(programme, "contact", response="interested")
    desk = programme.desk("coordinator")
    records = records_file(desk).read()
    boroughs = Counter(read_details(desk, records, p, purpose="audit")["borough"] for p in programme.people)
    accesses = programme.size()
    by_area = {group.group: group for group in programme.funnel(by="area").groups}
    assert {name: group.counts["selected"] for name, group in by_area.items()} == boroughs
    noted = list(desk.open_ledger().entries(after=accesses, kinds=("record_accessed",)))
    assert len(noted) == len(programme.people)
    home = read_details(desk, records, person, purpose="audit")["borough"]
    share = by_area[home].shares["first_contact"]
    assert share is not None
    assert share.value == 1 / boroughs[home]
    assert share.low < share.value < share.high or boroughs[home] == 1
    by_age = programme.funnel(by="age").groups
    assert sum(group.counts["selected"] for group in by_age) == len(programme.people)
    programme.clock.at += timedelta(days=365 * 30)
    assert programme.funnel(by="age").groups == by_age  # as they were on the day of the allocation
    (week,) = programme.funnel(by="week").groups
    assert (week.group, week.counts["first_contact"]) == ("2020-W19", 1)


POISON = (
    *("Ada Ashgrove", "101 Kelp Row", "1990-02-03", "depression", "in hospital", "methadone", "diabetes"),
    *("07700 900123", "psychosis", "pregnant"),
)
STEPS: tuple[tuple[Any, Any], ...] = (
    (calls.appoint, ask.AppointRequest),
    (calls.check_visit, ask.CheckRequest),
    (calls.open_pack, ask.PackRequest),
    (outcomes.record_outcome, ask.OutcomeRequest),
    (calls.leave_letter, ask.LetterRequest),
    (change_wishes, ask.WishesRequest),
    (referrals.change_consent, ask.ConsentRequest),
    (referrals.refer, ask.ReferRequest),
    (referrals.record_session, ask.SessionRequest),
)
SOUND_VALUES: dict[str, tuple[Any, ...]] = {
    "at": ("", "2020-05-05T13:30", "2020-05-04T13:00"),
    "result": ("go", "conditions", "contact", "no_answer", "hospital", "set"),
    "response": ("", "interested", "hostile"),
    "crew": ("A", "B"),
    "provider": ("harbour", "bridge"),
    "day": (FIRST_DAY,),
    "change": ("given", "withdrawn"),
    "step": ("send", "accept", "reject", "end", "report", "move"),
    "place": ("home", "neutral"),
    "code": ("full", "completed", "not_engaged"),
    "attended": ("yes", "no"),
    "purpose": ("visit", "referral"),
    "goal": (0, 1),
    "asked_by": ("person", "crew"),
    "approver": ("ada",),
    "need": ((), ("family",)),
    "reason": ("", "acceptable"),
    "card": ("",),
    "correct": (0, 1),
    "easy_read": (True, False),
    "clear": (False,),
}
NUMBERS_AND_DAYS = ("day", "goal", "correct", "easy_read", "clear")


@st.composite
def steps_with_poison(draw: st.DrawFn) -> tuple[Any, Any, dict[str, Any]]:
    """A step whose texts hold what no fact may hold: now in one field, now in many."""
    step, request = draw(st.sampled_from(STEPS))
    values: dict[str, Any] = {}
    for field in fields(request):
        if field.name in ("person", "protocol"):
            continue
        word = draw(st.sampled_from(POISON))
        poison = (word,) if "tuple" in str(field.type) else word
        sound = SOUND_VALUES.get(field.name, ())
        choices = sound if field.name in NUMBERS_AND_DAYS else (*sound, poison)
        if field.default is MISSING or draw(st.booleans()):
            values[field.name] = draw(st.sampled_from(choices))
    return step, request, values


@settings(
    max_examples=5,
    deadline=None,
    phases=(Phase.generate,),  # to make a failing example smaller takes minutes: it is shown as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps_with_poison(), min_size=10, max_size=25), st.integers(0, 3))
def test_no_fact_ever_holds_a_name_an_address_a_birth_date_or_a_word_about_health(
    visit_programme: Programme, steps: list[tuple[Any, Any, dict[str, Any]]], row: int
) -> None:
    programme = visit_programme
    programme.go_to(FIRST_DAY, 12)
    visits = programme.schedule(FIRST_DAY).visits
    person = visits[row % len(visits)].person
    for step, request, values in steps:
        role = "visiting officer" if step is calls.open_pack else "coordinator"
        try:
            step(programme.desk(role), request(person=person, **values))
        except (CaseError, UsageError):
            continue  # refused is well; what was recorded is looked at below
    check_facts(programme)


def check_facts(programme: Programme) -> None:
    """No fact of any entry holds what somebody typed, nor what the force knows of anybody."""
    desk = programme.desk("coordinator")
    records = records_file(desk).read()
    private = set(POISON)
    for person in programme.people:
        details = read_details(desk, records, person, purpose="audit")
        private |= {details[name] for name in ("name", "born_on", "address", "phone") if details.get(name)}
    for entry in desk.open_ledger().entries():
        facts = json.dumps(dict(entry.event.facts), ensure_ascii=False)
        assert not [word for word in private if word in facts], (entry.seq, entry.event.kind, facts)


def test_every_free_text_of_a_whole_case_stays_out_of_the_facts(visit_programme: Programme) -> None:
    programme = visit_programme
    name, street, *_ = POISON
    person = programme.schedule(FIRST_DAY).visits[0].person
    programme.wish(person, present=name, place=street, place_at="1,1", interpreter="depression")
    programme.go_to(FIRST_DAY, 12)
    programme.check(person, "conditions", approver="ada", condition=(name,), note="psychosis")
    programme.pack(person)
    programme.outcome(person, "contact", response="interested", need=("wellbeing",), note="methadone")
    programme.consent(person, "harbour")
    programme.workspace.joinpath("providers.toml").write_text(
        programme.workspace.joinpath("providers.toml")
        .read_text()
        .replace('"work_and_learning"', '"wellbeing"')
    )
    number = programme.refer(person, "send", provider="harbour").event.facts["referral"]
    programme.refer(person, "accept", referral=number)
    programme.session(person, number, attended="yes", goal=1, result="set", note="pregnant")
    programme.session(person, number, goal=1, result="not", note="in hospital")
    programme.refer(person, "end", referral=number, code="completed", report="Ada Ashgrove, diabetes")
    kinds = {entry.event.kind for entry in programme.desk("coordinator").open_ledger().entries()}
    assert {"wishes_changed", "visit_checked", "pack_opened", "offer_made", "help_reported"} <= kinds
    check_facts(programme)


def test_a_week_in_the_drawn_town_records_what_is_true_of_its_doors(
    visit_town: Path, visit_programme: Programme
) -> None:
    programme = visit_programme
    doors = pq.read_table(visit_town / "t" / "truth" / "doors.parquet").to_pylist()
    door_by_number = {row["person_number"]: row for row in doors}
    desk = programme.desk("coordinator")
    records = records_file(desk).read()
    door_by_person = {
        p: door_by_number[read_details(desk, records, p, purpose="visit")["person_number"]]
        for p in programme.people
    }
    calls_made, met = Counter[str](), dict[str, date]()
    for offset in range(0, 6, 2):
        day = FIRST_DAY + timedelta(days=offset)
        programme.go_to(day, 7)
        for visit in sorted(programme.schedule(day).visits, key=lambda v: v.start):
            programme.go_to(day, visit.start.hour - 1)  # London is an hour ahead
            programme.clock.at += timedelta(minutes=visit.start.minute)
            door = door_by_person[visit.person]
            hours = "weekday_evening" if visit.start.hour >= 17 else "weekday_day"
            is_met = door["draws"][calls_made[visit.person]] < door[hours]
            calls_made[visit.person] += 1
            programme.check(visit.person)
            programme.pack(visit.person, visit.crew)
            if is_met:
                met.setdefault(visit.person, day)
                programme.outcome(visit.person, "contact", response=door["response"])
            else:
                programme.outcome(visit.person, "no_answer")
    funnel = programme.funnel()
    interested = sum(door_by_person[p]["response"] == "interested" for p in met)
    assert len(met) > 0
    assert (funnel.count("first_contact"), funnel.count("interested")) == (len(met), interested)
    assert funnel.attempts == sum(calls_made.values())
    assert not [p for p in met if not door_by_person[p]["is_at_address"]]


def test_the_drawn_city_brings_a_directory_that_the_programme_reads(visit_town: Path) -> None:
    from becalm.divert.files.visits.read_providers import read_providers

    providers = read_providers(visit_town / "t" / "divert" / "providers.toml")
    truth = json.loads((visit_town / "t" / "truth" / "doors.json").read_text("utf-8"))
    assert [p.key for p in providers] == list(truth["providers"])
    assert providers[-1].areas
    doors = pq.read_table(visit_town / "t" / "truth" / "doors.parquet").to_pylist()
    assert {row["is_at_address"] for row in doors} == {True, False}
    assert all(row["weekend"] == 0 for row in doors if not row["is_at_address"])


def test_every_new_command_answers_in_json(
    visit_programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme = visit_programme
    monkeypatch.setenv("BECALM_ROLE", "coordinator")
    where = ("--workspace", programme.workspace, "--format", "json")
    person = programme.people[0]
    words = ("--unavailable", "tuesdays", "--present", "my sister", "--purpose", "visit")
    wished = json.loads(becalm("divert", "visit", "wishes", person, *words, *where).stdout)
    assert (wished["unavailable"], wished["present"]) == (["tuesdays"], "my sister")
    refusal = becalm("divert", "visit", "wishes", person, "--unavailable", "someday", *where, code=14)
    assert "weekdays 17:00-20:00" in refusal.output
    areas = json.loads(becalm("divert", "funnel", "--by", "area", "--purpose", "audit", *where).stdout)
    assert areas["groups"] == []  # nobody is allocated yet
