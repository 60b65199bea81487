"""Cases on the pages: two people decide, each look is recorded, an old page is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from people import Programme, make_programme
from sites import FORM, FORM_ID, FORM_KEY, SEEN, Answer, InProcess

from becalm.app import rights
from becalm.divert.core.screening import CHECKS

HEADINGS = "There is a problem"


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    made = make_programme(tmp_path_factory.mktemp("cases"))
    made.begin()
    return made


@pytest.fixture(scope="module")
def site(programme: Programme) -> Iterator[InProcess]:
    opened = InProcess(programme.workspace)
    yield opened
    opened.close()


class Form:
    """A form as a browser holds it: what stands in it, and what is sent."""

    def __init__(self, site: InProcess, role: str, path: str, headers: dict[str, str] | None = None) -> None:
        self.site, self.path = site, path.partition("?")[0]
        self.headers = headers or site.session(role)
        self.page = site.ask("GET", path, headers=self.headers)
        assert self.page.status == 200, self.page.text
        found = [pattern.search(self.page.text) for pattern in (FORM_KEY, FORM_ID, SEEN)]
        self.hidden = dict(
            zip(("form_key", "form_id", "seen"), [f[1] if f else "" for f in found], strict=True)
        )

    def send(self, **fields: str | Sequence[str]) -> Answer:
        body = urlencode({**self.hidden, **fields}, doseq=True).encode()
        sent = {**self.headers, "content-type": FORM}
        return self.site.ask("POST", self.path, body, sent)

    def done(self, **fields: str | Sequence[str]) -> Answer:
        answer = self.send(**fields)
        assert answer.status == 303, answer.text
        return self.site.ask("GET", answer.to, headers=self.headers)


def see(site: InProcess, role: str, person: str, headers: dict[str, str] | None = None) -> Answer:
    return Form(site, role, "/divert/act/explain", headers).send(person=person, purpose="decision")


def nominate(site: InProcess, person: str, sentence: str) -> Answer:
    form = Form(site, "nominator", f"/divert/act/nominate?person={person}")
    return form.done(person=person, code="recent_harm", sentence=sentence, purpose="decision")


def screen(site: InProcess, person: str) -> Answer:
    form = Form(site, "screener", f"/divert/act/screen?person={person}")
    answers = {f"check.{check.name}": "no" for check in CHECKS}
    return form.done(person=person, purpose="decision", **answers)


def restrict(site: InProcess, person: str, sentence: str, *, lift: str) -> None:
    form = Form(site, "rights officer", f"/divert/act/restrict?person={person}")
    review_on = datetime.now(UTC).date() + timedelta(days=30)
    fields = {"law": "DPA 2018 s.47", "review_on": review_on.isoformat(), "purpose": "subject request"}
    form.done(person=person, ground="restriction", sentence=sentence, lift=lift, **fields)


def accesses(site: InProcess, person: str) -> list[tuple[str, str, str]]:
    entries = site.site.desk.open_ledger().entries(kinds=("record_accessed",), subject=person)
    return [(e.event.role, e.event.purpose, str(e.event.facts["what"])) for e in entries]


def test_two_people_take_somebody_in_and_each_look_is_recorded(programme: Programme, site: InProcess) -> None:
    person = programme.person("N101")
    assert "nominated" in nominate(site, person, "Ada was hurt in June and asked a nurse for work.").text
    assert "screened" in screen(site, person).text
    headers = site.session("approver")
    queue = Form(site, "approver", "/divert/act/queue", headers).send(purpose="decision")
    assert person in queue.text
    assert "approve or decline" in queue.text
    reasons = see(site, "approver", person, headers)
    assert "What the rule says" in reasons.text
    way = re.search(r'href="(/divert/act/approve[^"]+)"', reasons.text)
    assert way
    form = Form(site, "approver", way[1].replace("&amp;", "&"), headers)
    sentence = "She has asked for work twice since the last one."
    wrong = form.send(person=person, code="recent_harm", sentence="Too short", purpose="decision")
    assert wrong.status == 422
    assert HEADINGS in wrong.text
    assert 'href="#sentence"' in wrong.text
    assert 'id="sentence-error"' in wrong.text
    assert "Too short" in wrong.text, "what was written is kept"
    done = form.done(person=person, code="recent_harm", sentence=sentence, purpose="decision")
    assert "approved" in done.text
    assert ("approver", "decision", "queue") in accesses(site, person)
    assert ("approver", "decision", "reasons") in accesses(site, person)
    # A double click, the back button: the same form again leads to the same answer and records nothing.
    count = len(list(site.site.desk.open_ledger().entries(kinds=("decision_made",), subject=person)))
    again = form.done(person=person, code="recent_harm", sentence=sentence, purpose="decision")
    assert again.text == done.text
    assert len(list(site.site.desk.open_ledger().entries(kinds=("decision_made",), subject=person))) == count


def test_who_did_not_open_the_evidence_is_told_so_and_nothing_is_recorded(
    programme: Programme, site: InProcess
) -> None:
    person = programme.person("N111")
    nominate(site, person, "Joss lost his flat in May and spoke to his neighbour.")
    screen(site, person)
    form = Form(site, "approver", f"/divert/act/approve?person={person}")
    sentence = "He wants to leave the group that he was hurt by."
    answer = form.send(person=person, code="recent_harm", sentence=sentence, purpose="decision")
    assert answer.status == 422
    assert "has not opened the evidence" in answer.text
    # The page was read, then somebody else took a step: the old page is refused, what was written is kept.
    headers = site.session("approver")
    reasons = see(site, "approver", person, headers)
    way = re.search(r'href="(/divert/act/approve[^"]+)"', reasons.text)
    assert way
    old = Form(site, "approver", way[1].replace("&amp;", "&"), headers)
    restrict(site, person, "The use is restricted while the family asks a lawyer.", lift="")
    restrict(site, person, "The lawyer found that nothing stands against the offer now.", lift="yes")
    stale = old.send(person=person, code="recent_harm", sentence=sentence, purpose="decision")
    assert stale.status == 409
    assert "This page changed since it was read" in stale.text
    assert not list(site.site.desk.open_ledger().entries(kinds=("decision_made",), subject=person))
    fresh = Form(site, "approver", "/divert/act/approve", headers)
    assert sentence in fresh.page.text
    assert (
        "approved"
        in fresh.done(person=person, code="recent_harm", sentence=sentence, purpose="decision").text
    )


def test_a_person_unknown_and_a_role_that_may_not_look_the_same(
    programme: Programme, site: InProcess
) -> None:
    person, unknown = programme.person("N110"), "P-000000000000"
    for name in ("explain", "approve", "screen"):
        address = f"/divert/act/{name}?person="
        role = "screener" if name == "screen" else "approver"
        pages = [
            site.ask("GET", address + unknown, headers=site.session(role)),
            site.ask("GET", address + person, headers=site.session("commander")),
            site.ask("GET", address + unknown, headers=site.session("commander")),
        ]
        assert [page.status for page in pages] == [404, 404, 404]
        mains = {re.search("<main.*</main>", page.text, re.DOTALL)[0] for page in pages}  # type: ignore[index]
        assert len(mains) == 1
    assert accesses(site, person) == []
    form = Form(site, "approver", "/divert/act/explain")
    assert form.send(person=unknown, purpose="decision").status == 404


def test_no_look_without_a_purpose(programme: Programme, site: InProcess) -> None:
    person = programme.person("N110")
    answer = Form(site, "approver", "/divert/act/explain").send(person=person, purpose="")
    assert answer.status == 422
    assert 'id="purpose-error"' in answer.text
    assert accesses(site, person) == []


def test_a_grave_act_asks_for_the_password_and_keeps_the_form(programme: Programme, site: InProcess) -> None:
    from sqlalchemy import update

    from becalm.app.store.database import session_table
    from becalm.app.store.sessions import hash_token

    person, headers = programme.person("N110"), site.session("approver")
    form = Form(site, "approver", f"/divert/act/approve?person={person}", headers)
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    token = hash_token(headers["cookie"][7:])
    site.store.write(
        update(session_table).where(session_table.c.token_sha256 == token).values(proven_at=past)
    )
    answer = form.send(
        person=person, code="recent_harm", sentence="A sentence of my own.", purpose="decision"
    )
    assert answer.status == 303
    assert answer.to.startswith("/prove?next=/divert/act/approve")
    kept = site.ask("GET", "/divert/act/approve", headers=headers)
    assert "A sentence of my own." in kept.text
    other = site.ask("GET", "/divert/act/approve", headers=site.session("approver"))
    assert "A sentence of my own." in other.text, "the same person in another session has it too"
    assert (
        "A sentence of my own."
        not in site.ask("GET", "/divert/act/approve", headers=site.session("child approver")).text
    )


def test_an_answer_that_was_recorded_is_shown_to_its_sender_alone(
    programme: Programme, site: InProcess
) -> None:
    person = programme.person("N102")
    form = Form(site, "nominator", f"/divert/act/nominate?person={person}")
    sentence = "Bram asked the clinic for help after the winter."
    answer = form.send(person=person, code="recent_harm", sentence=sentence, purpose="decision")
    assert site.ask("GET", answer.to, headers=site.session("nominator")).status == 200
    assert site.ask("GET", answer.to, headers=site.session("approver")).status == 404
    assert site.ask("GET", "/divert/done/unknown", headers=site.session("nominator")).status == 404


def test_each_role_is_shown_what_it_may_do_and_nothing_else(site: InProcess) -> None:
    for role in rights.ROLES:
        answer = site.ask("GET", "/divert/cases", headers=site.session(role))
        if not rights.may_see(role, "cases"):
            assert answer.status == 403
            continue
        shown = set(re.findall(r'href="(/divert/act/[^"]+)"', answer.text))
        wanted = {
            f"/divert/act/{words.removeprefix('divert ').replace(' ', '-')}"
            for words in site.site.pages["divert"].acts
            if rights.may_act(role, words)
        }
        assert shown == wanted, role
