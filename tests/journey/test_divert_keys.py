"""A live programme in which people sign with keys of their own, and what a wrong key comes to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from people import TODAY, Programme, make_programme
from postgres import Server

from becalm.divert.core.screening import CHECKS

WORK = "The charges stand, and the youth worker says that help with work would be taken."
HOME = "Three strangers reported it, and his mother has asked the school for somebody to talk to."
LEFT = "The second robbery was another man of the same name, as the victim says."
ENDS = TODAY + timedelta(days=90)
OWNER, RITA = ("programme owner", "ola"), ("rights officer", "rita")
PEOPLE = {
    "ola": "programme owner", "rita": "rights officer", "rob": "rights officer", "nora": "nominator",
    "abe": "approver",
}  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def programme(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Programme]:
    folder = tmp_path_factory.mktemp("keys")
    if request.param == "sqlite":
        yield make_programme(folder)
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.fresh_ledger()
    yield make_programme(folder, url)
    server.drop(url)


def key_file(programme: Programme, name: str) -> Path:
    return programme.files / f"{name}.pem"


def draw(programme: Programme, name: str, holder: str = "") -> str:
    words = ("keys", "--draw", key_file(programme, name), "--holder", holder or name)
    return str(programme.ask("programme owner", holder or name, *words)["card"])


def publish(
    programme: Programme, name: str, card: str, *more: object, by: tuple[str, str], code: int = 0
) -> str:
    words = ("keys", "--publish", card, "--holder", name, "--key-role", PEOPLE.get(name, "nominator"))
    result = programme.run(*by, *words, "--expires-on", ENDS, *more, code=code)
    return str(result.output)


def signed(programme: Programme, name: str) -> tuple[str, Path]:
    return ("--signing-key", key_file(programme, name))


def act(programme: Programme, name: str, *words: object, key: str = "", code: int = 0) -> str:
    role = PEOPLE[key or name]
    return str(programme.run(role, name, *words, *signed(programme, key or name), code=code).output)


def reasons(sentence: str) -> tuple[str, ...]:
    return ("--code", "recent_harm", "--sentence", sentence)


def test_two_people_publish_a_key_and_none_does_it_alone_or_with_a_wrong_card(programme: Programme) -> None:
    cards = {name: draw(programme, name) for name in PEOPLE}
    assert "is proposed" in publish(programme, "ola", cards["ola"], by=RITA)
    assert "is proposed" in publish(programme, "ola", cards["ola"], by=("rights officer", "R\u0456ta"))
    words = ("keys", "--publish", cards["ola"], "--holder", "ola", "--key-role", "approver")
    other = programme.run("rights officer", "rob", *words, "--expires-on", ENDS, code=14)
    assert "something else was proposed" in other.output
    assert "it is the key of ola" in publish(programme, "ola", cards["ola"], by=OWNER, code=14)
    assert "is confirmed" in publish(programme, "ola", cards["ola"], by=("rights officer", "rob"))
    assert "not that of a key of eve" in publish(programme, "eve", cards["nora"], by=RITA, code=14)
    assert "is no card" in publish(programme, "nora", cards["nora"][:-2], by=RITA, code=2)
    late = ("keys", "--publish", cards["nora"], "--holder", "nora", "--key-role", "nominator")
    assert "would end in" in programme.run(*RITA, *late, "--expires-on", "2099-01-01", code=14).output
    assert "may not publish key" in publish(programme, "nora", cards["nora"], by=("analyst", "ana"), code=14)
    publish(programme, "rita", cards["rita"], by=OWNER)
    publish(programme, "rita", cards["rita"], by=("rights officer", "rob"))
    # from here on, who has a key vouches for the next
    assert "is not signed" in publish(programme, "nora", cards["nora"], by=RITA, code=14)
    for name in ("rob", "nora", "abe"):
        publish(programme, name, cards[name], *signed(programme, "ola"), by=OWNER)
        publish(programme, name, cards[name], *signed(programme, "rita"), by=RITA)
    keys = programme.ask(*OWNER, "keys")["keys"]
    assert {key["holder"]: key["state"] for key in keys} == dict.fromkeys(PEOPLE, "confirmed")


def test_signed_papers_begin_a_live_programme_and_unsigned_steps_are_refused(programme: Programme) -> None:
    programme.begin()
    papers = ("govern", "--out", programme.files / "papers", "--sign", "--legal-basis", "common law")
    programme.nominate("N102", "He was robbed in May himself, and a partner already knows the family well.")
    assert "cases of the rehearsal are open" in act(programme, "ola", *papers, code=14)
    leaving = ("remove", programme.person("N102"), "--end", "removed_error", "--code", "error")
    programme.run("coordinator", "cora", *leaving, "--sentence", LEFT)
    act(programme, "ola", *papers)
    assert programme.ask("analyst", "ana", "list")["mode"] == "live"
    text = (programme.files / "papers" / "dpia.txt").read_text("utf-8")
    assert "signed with their own keys" in text
    assert "REHEARSAL" not in text
    assert "you are only declared" in programme.run(*OWNER, *papers, code=14).output
    person = programme.person("N101")
    words = ("nominate", person, *reasons(WORK))
    assert "is not signed" in programme.run("nominator", "nora", *words, code=14).output
    stolen = programme.run("nominator", "nora", *words, *signed(programme, "ola"), code=14)
    assert "it is the key of ola" in stolen.output
    eve = programme.files / "eve.pem"
    draw(programme, "eve")
    stranger = programme.run("nominator", "eve", *words, "--signing-key", eve, code=14)
    assert "the key is unknown" in stranger.output
    wrong_role = programme.run("nominator", "abe", *words, *signed(programme, "abe"), code=14)
    assert "not for the role 'nominator'" in wrong_role.output
    past = (*words, "--as-of", TODAY - timedelta(days=3))
    assert "the programme is live" in act(programme, "nora", *past, code=14)
    assert "is nominated" in act(programme, "nora", *words)


def test_the_signed_way_to_an_approval_a_letter_and_a_decided_challenge(programme: Programme) -> None:
    person = programme.person("N101")
    programme.run("screener", "sam", "screen", person, *(f"--check={check.name}=no" for check in CHECKS))
    programme.open_evidence("N101")
    words = ("approve", person, *reasons(HOME))
    assert "is not signed" in programme.run("approver", "abe", *words, code=14).output
    answer = act(programme, "abe", *words)
    assert "is approved" in answer
    assert "REHEARSAL" not in answer
    letter = ("letter", person, "--letter", "notice")
    assert "[divert] contact" in programme.run(*RITA, *letter, code=14).output
    toml = programme.workspace / "becalm.toml"
    toml.write_text(toml.read_text("utf-8") + '\n[divert]\ncontact = "020 7946 0000"\n', "utf-8")
    assert "020 7946 0000" in programme.run(*RITA, *letter).output
    programme.run(*RITA, "challenge", person, "--text", "I was not there.")
    reason = ("challenge", person, "--decide", "upheld", "--code", "error", "--sentence", LEFT)
    assert "raised the challenge" in act(programme, "rita", *reason, code=14)
    assert "is not signed" in programme.run("rights officer", "rob", *reason, code=14).output
    assert "removed_challenge" in act(programme, "rob", *reason).replace(" ", "_")


def test_a_key_in_wrong_hands_is_withdrawn_at_once_and_signs_nothing(programme: Programme) -> None:
    keys = programme.ask(*OWNER, "keys")["keys"]
    ids = {key["holder"]: key["key"] for key in keys}
    withdraw = ("keys", "--withdraw", ids["nora"][:12])
    assert "may not publish key" in programme.run("screener", "sam", *withdraw, code=14).output
    programme.run("nominator", "nora", *withdraw)
    words = ("nominate", programme.person("N110"), *reasons(HOME + " His aunt agrees with that."))
    assert "the key is withdrawn" in act(programme, "nora", *words, code=14)
    card = draw(programme, "nora2", "nora")
    publish(programme, "nora", card, *signed(programme, "ola"), by=OWNER)
    publish(programme, "nora", card, *signed(programme, "rita"), by=RITA)
    assert "is nominated" in programme.run("nominator", "nora", *words, *signed(programme, "nora2")).output
    for name in ("ola", "rob", "abe"):
        programme.run(*OWNER, "keys", "--withdraw", ids[name])
    assert programme.ask("analyst", "ana", "list")["mode"] == "live"
    left = [key["key"] for key in programme.ask(*OWNER, "keys")["keys"] if key["state"] == "confirmed"]
    assert len(left) == 2
    programme.run(*OWNER, "keys", "--withdraw", left[0])
    assert programme.ask("analyst", "ana", "list")["mode"] == "rehearsal"


def test_the_record_holds_with_signed_steps_in_it(programme: Programme) -> None:
    from town import becalm

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BECALM_WORKSPACE", str(programme.workspace))
        if programme.ledger_url:
            patch.setenv("BECALM_LEDGER", programme.ledger_url)
        becalm("record", "verify")
        becalm("record", "rebuild")
