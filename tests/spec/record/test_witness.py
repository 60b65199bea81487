"""A witness signs one history of a log: what continues the last head, in the words of tlog-witness."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from becalm.ledger import witness_client
from becalm.ledger.merkle import consistency_proof, merkle_root
from becalm.ledger.signed_note import (
    COSIGNATURE_TYPE,
    PLAIN_TYPE,
    NotedHead,
    NoteKey,
    NoteSignature,
    SignedNote,
    find_signature,
    list_cosigners,
    parse_head_text,
    parse_note,
    parse_signature_line,
)
from becalm.ledger.signing import SigningKey, draw_key
from becalm.ledger.witness import HeadOffer, Witness, parse_offer
from becalm.ledger.witness_server import make_server
from becalm.terms import InputError, LedgerError

NOW = datetime(2020, 4, 7, 12, tzinfo=UTC)
ORIGIN = "becalm.invalid/0a0a"
LOG, STRANGER = draw_key(), draw_key()
LEAVES = [sha256(str(n).encode()).digest() for n in range(40)]


def key_of(key: SigningKey, name: str = ORIGIN, type: int = PLAIN_TYPE) -> NoteKey:
    return NoteKey(name, type, bytes.fromhex(key.public_key))


def note_of(
    size: int, *, leaves: list[bytes] = LEAVES, key: SigningKey = LOG, origin: str = ORIGIN
) -> SignedNote:
    text = NotedHead(origin, size, merkle_root(leaves[:size]), ("last ab",)).text
    signature = bytes.fromhex(key.sign(text.encode()))
    return SignedNote(text, (NoteSignature(origin, key_of(key, origin).id, signature),))


def offer(old_size: int, size: int, *, leaves: list[bytes] = LEAVES, note: SignedNote | None = None) -> str:
    note = note or note_of(size, leaves=leaves)
    return str(
        HeadOffer(old_size, consistency_proof(leaves[:size], old_size), note, parse_head_text(note.text))
    )


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    opened = Witness(tmp_path / "witness", draw_key(), "overseer.example/w1", [key_of(LOG)], lambda: NOW)
    opened.open_folder()
    return opened


def test_it_signs_what_continues_the_last_head_and_says_when(witness: Witness) -> None:
    for old_size, size in ((0, 3), (3, 8), (8, 8), (8, 33)):
        reply = witness.add_checkpoint(offer(old_size, size))
        assert reply.status == 200, reply.body
        note = note_of(size)
        signed = replace(note, signatures=(*note.signatures, parse_signature_line(reply.body.rstrip("\n"))))
        assert list_cosigners(signed, [witness.key]) == {witness.name: NOW}
        kept = witness.read_newest(ORIGIN)
        assert kept is not None
        assert parse_head_text(kept.text).size == size


REWRITTEN = [b"x" * 32, *LEAVES[1:]]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (offer(0, 5).replace("old 0", "old 00"), 400),
        (offer(0, 5).replace("old 0", "new 0"), 400),
        (offer(3, 5).replace("\n", "\nAAAA\n", 1), 400),
        ("old 0\n" + "A" * 43 + "=\n" * 64 + "\n" + str(note_of(5)), 400),
        (offer(8, 12).replace("old 8", "old 13"), 400),
        (offer(0, 5, note=note_of(5, origin="becalm.invalid/other")), 404),
        (offer(0, 5, note=note_of(5, key=STRANGER)), 403),
        (offer(8, 12).replace("\n12\n", "\n13\n"), 403),
        (offer(0, 5), 409),  # it knows 8 entries
        (offer(5, 12), 409),
        (offer(8, 8, leaves=REWRITTEN), 409),  # two heads of one size
        (offer(8, 12, leaves=REWRITTEN), 422),  # a split view
        (offer(8, 12).replace("old 8\n", "old 8\n" + "A" * 43 + "=\n"), 422),
    ],
)
def test_it_refuses_in_the_words_of_the_protocol(witness: Witness, text: str, status: int) -> None:
    assert witness.add_checkpoint(offer(0, 8)).status == 200
    reply = witness.add_checkpoint(text)
    assert reply.status == status, reply.body
    if status == 409:
        assert (reply.body, reply.content_type) == ("8\n", "text/x.tlog.size")
    kept = witness.read_newest(ORIGIN)
    assert kept is not None
    assert parse_head_text(kept.text).size == 8
    assert witness.add_checkpoint(offer(8, 9)).status == 200


def test_a_split_view_is_kept_as_evidence(witness: Witness) -> None:
    witness.add_checkpoint(offer(0, 8))
    assert witness.add_checkpoint(offer(8, 12, leaves=REWRITTEN)).status == 422
    (evidence,) = witness.folder.glob("*.refused")
    refused = parse_offer(evidence.read_text("utf-8"))
    assert find_signature(refused.note, key_of(LOG)) is not None
    assert refused.head.size == 12


def test_after_a_new_start_it_remembers_and_a_second_one_is_refused(witness: Witness) -> None:
    witness.add_checkpoint(offer(0, 8))
    again = Witness(witness.folder, witness.signing_key, witness.name, witness.log_keys, lambda: NOW)
    with pytest.raises(LedgerError, match="Another witness works in"):
        again.open_folder()
    assert again.add_checkpoint(offer(0, 9)).status == 409
    assert again.add_checkpoint(offer(8, 9)).status == 200


def test_of_many_at_once_each_continues_the_other(witness: Witness) -> None:
    replies: list[int] = []

    def climb() -> None:
        replies.extend(witness.add_checkpoint(offer(size - 1, size)).status for size in range(1, 40))

    threads = [threading.Thread(target=climb) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies.count(200) == 39
    assert set(replies) == {200, 409}


# --- the client ------------------------------------------------------------------------------------------


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(
    url: str, key: NoteKey, size: int, leaves: list[bytes] = LEAVES, known: int = 0
) -> witness_client.WitnessOutcome:
    place = witness_client.WitnessPlace(url, key)
    note = note_of(size, leaves=leaves)
    return witness_client.ask_witness(
        place, note, leaves[:size], log_key=key_of(LOG), known_size=known, now=NOW
    )


def test_the_client_finds_out_what_the_witness_knows_and_proves_the_rest(witness: Witness) -> None:
    with serving(make_server(witness, "127.0.0.1", 0)) as url:
        for size, known in ((5, 0), (9, 5), (20, 0), (33, 21)):
            outcome = ask(url, witness.key, size, known=known)
            assert outcome.failure == ""
            assert outcome.signature is not None


def test_a_rollback_and_a_split_view_are_shown_with_the_head_that_the_log_signed(witness: Witness) -> None:
    with serving(make_server(witness, "127.0.0.1", 0)) as url:
        assert ask(url, witness.key, 20).failure == ""
        for size, leaves in ((12, LEAVES), (30, REWRITTEN), (20, REWRITTEN)):
            outcome = ask(url, witness.key, size, leaves)
            assert "does not have" in outcome.failure
            assert outcome.contradiction is not None
            assert parse_head_text(outcome.contradiction.text).size == 20


class Liar(BaseHTTPRequestHandler):
    """A witness that answers what it was given."""

    answers: tuple[tuple[int, str], ...] = ()
    page = ""

    def do_POST(self) -> None:  # the library's name
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.answers[0]
        type(self).answers = self.answers[1:] or self.answers
        self.answer(status, body)

    def do_GET(self) -> None:  # the library's name
        self.answer(200, self.page)

    def answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def lies(key: SigningKey, size: int, *, seconds: int = 0, name: str = "overseer.example/w1") -> str:
    liar = Witness(Path(), key, name, [], lambda: NOW + timedelta(seconds=seconds))
    return liar._cosign(note_of(size).text).line + "\n"


WITNESS = draw_key()
WITNESS_KEY = key_of(WITNESS, "overseer.example/w1", COSIGNATURE_TYPE)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([(200, lies(draw_key(), 9))], "it signed with another key"),
        ([(200, lies(WITNESS, 9, name="elsewhere.example"))], "it signed with another key"),
        ([(200, lies(WITNESS, 8))], "does not fit it"),
        ([(200, lies(WITNESS, 9, seconds=86_400))], "it says that it is 2020-04-08"),
        ([(200, "")], "it signed with another key"),
        ([(200, "— overseer.example/w1 AAAA\n")], "is cut off"),
        ([(404, "no such log")], "Give its operator the key of this log: becalm.invalid/0a0a+"),
        ([(403, "whose is it?")], "Give its operator the key of this log"),
        ([(409, "900000")], "shows no head of this log that says why"),
        ([(409, "3"), (409, "2"), (409, "1")], "another size each time"),
        ([(422, "no")], "shows no head of this log that says why"),
        ([(500, "oh")], "it answered 500: oh"),
    ],
)
def test_a_witness_that_lies_or_was_replaced_is_named_with_the_reason(
    answers: list[tuple[int, str]], reason: str
) -> None:
    handler = type("ThisLiar", (Liar,), {"answers": tuple(answers), "page": str(note_of(50, key=STRANGER))})
    with serving(HTTPServer(("127.0.0.1", 0), handler)) as url:
        outcome = ask(url, WITNESS_KEY, 9)
    assert reason in outcome.failure
    assert (outcome.signature, outcome.contradiction) == (None, None)


def test_a_witness_that_is_late_or_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_client, "TIMEOUT_S", 0.2)
    silent = HTTPServer(("127.0.0.1", 0), Liar)  # it takes the call and never answers
    url = f"http://127.0.0.1:{silent.server_address[1]}"
    assert "timed out" in ask(url, WITNESS_KEY, 9).failure
    silent.server_close()
    assert "refused" in ask(url, WITNESS_KEY, 9).failure


@pytest.mark.parametrize(
    "text",
    ["", "overseer", "ftp://a x", "http://a", f"http://a {key_of(LOG).text}"],
    ids=["nothing", "a word", "ftp", "no key", "the key of a log"],  # a key is drawn anew in each process
)
def test_a_place_that_is_no_witness_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        witness_client.parse_place(text)


def test_a_place_is_read(witness: Witness) -> None:
    place = witness_client.parse_place(f"https://overseer.example/w/ {witness.key.text}")
    assert place == witness_client.WitnessPlace("https://overseer.example/w", witness.key)
    assert parse_note(str(note_of(3))) == note_of(3)
