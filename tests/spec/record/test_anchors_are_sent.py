"""A signed head reaches every place that was named, and what fails is said."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType

import pytest

from becalm.ledger import Checkpoint, Head
from becalm.ledger.anchors import (
    AnchorSettings,
    list_anchor_files,
    read_newest_anchors,
    render_sheet,
    send_anchor,
)
from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.export import verifier_text
from becalm.ledger.signed_heads import (
    FIRST_FORMAT,
    format_anchor,
    format_json_anchor,
    is_head_signed,
    is_self_signed,
    parse_anchor,
    sign_checkpoint,
    unsigned_fields,
)
from becalm.ledger.signing import (
    SigningKey,
    draw_key,
    is_signed,
    read_key,
    write_key,
)
from becalm.terms import InputError, LedgerError

KEY = draw_key()


def a_head(size: int = 12) -> Checkpoint:
    made_at = datetime(2020, 4, 7, 12, tzinfo=UTC)
    return sign_checkpoint(Checkpoint("0a" * 16, Head(size, "ab" * 32, "cd" * 32), made_at, KEY.id, ""), KEY)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Mail(socketserver.StreamRequestHandler):
    """As little of a mail server as a letter needs."""

    letters: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.letters.append("".join(self._letter()))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return

    def _letter(self) -> Iterator[str]:
        while (line := self.rfile.readline()) != b".\r\n":
            yield line.decode()


class Hook(BaseHTTPRequestHandler):
    """A webhook that takes what it is given."""

    bodies: list[str]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204 if self.path == "/take" else 500)
        self.end_headers()

    def log_message(self, *_told: object) -> None:
        return


def test_an_anchor_gives_its_head_back_and_an_altered_one_no_longer_fits() -> None:
    point = a_head()
    read = parse_anchor(format_anchor(point, KEY.public_key), "a file")
    assert read == point
    assert is_head_signed(read, KEY.public_key)
    longer = replace(read, head=replace(read.head, size=13))
    assert not is_head_signed(longer, KEY.public_key)
    assert not is_signed(b"", signature="no hex", public_key=KEY.public_key)
    with pytest.raises(InputError, match="is no anchor"):
        parse_anchor("{}", "a file")


def test_folders_are_read_back_by_the_label_of_their_ledger(tmp_path: Path) -> None:
    places = ["here", str(tmp_path / "there"), "qr:sheets"]
    for size in (9, 12):
        sent = send_anchor(
            a_head(size), KEY.public_key, places=places, settings=AnchorSettings(tmp_path, "ledger")
        )
        assert [s.failure for s in sent] == ["", "", ""]
    send_anchor(
        a_head(99), KEY.public_key, places=["here"], settings=AnchorSettings(tmp_path, "ledger-0123456789ab")
    )
    (tmp_path / "here" / "ledger-0a0a0a0a-000000100-abababab.anchor.json").write_text("broken")
    kept = list(list_anchor_files(places, AnchorSettings(tmp_path, "ledger")))
    assert len(kept) == 7
    assert [p.head.size for p in read_newest_anchors(places[1:], AnchorSettings(tmp_path, "ledger"))] == [
        12,
        12,
    ]


def test_a_letter_is_written_where_no_mail_server_is_named(tmp_path: Path) -> None:
    (sent,) = send_anchor(
        a_head(),
        KEY.public_key,
        places=["mailto:overseer@example.org"],
        settings=AnchorSettings(tmp_path, "ledger"),
    )
    assert "to be sent" in sent.at
    (written,) = (tmp_path / "anchors" / "outbox").glob("*.eml")
    letter = message_from_string(written.read_text(), policy=default)
    (attached,) = letter.iter_attachments()
    assert letter["To"] == "overseer@example.org"
    assert parse_anchor(attached.get_content().decode(), "the letter") == a_head()


def test_a_letter_is_handed_to_the_mail_server_that_is_named(tmp_path: Path) -> None:
    Mail.letters = []
    with socketserver.TCPServer(("127.0.0.1", 0), Mail) as server, serving(server):
        post = AnchorSettings(tmp_path, "ledger", smtp=f"smtp://127.0.0.1:{server.server_address[1]}")
        (sent,) = send_anchor(a_head(), KEY.public_key, places=["mailto:overseer@example.org"], settings=post)
    assert (sent.failure, sent.at) == ("", "overseer@example.org")
    assert "12 entries" in Mail.letters[0]


def test_a_webhook_gets_the_anchor_and_a_failing_place_stops_no_other(tmp_path: Path) -> None:
    Hook.bodies = []
    with HTTPServer(("127.0.0.1", 0), Hook) as server, serving(server):
        at = f"http://127.0.0.1:{server.server_address[1]}"
        places = [f"{at}/refuse", f"{at}/take", "mailto:nobody", "here"]
        refused, taken, no_address, here = send_anchor(
            a_head(), KEY.public_key, places=places, settings=AnchorSettings(tmp_path, "ledger")
        )
    assert "500" in refused.failure
    assert (taken.failure, parse_anchor(Hook.bodies[-1], "the hook")) == ("", a_head())
    assert "no address" in no_address.failure
    assert Path(here.at).is_file()


def test_the_printed_sheet_carries_the_head_in_words_and_as_a_code() -> None:
    point = a_head()
    sheet = render_sheet(point, format_anchor(point, KEY.public_key))
    assert all(
        word in sheet for word in (point.ledger_id, point.head.root, point.key_id, "<svg", "12 entries")
    )


def test_a_key_is_written_for_its_owner_and_the_one_before_stays_beside_it(tmp_path: Path) -> None:
    path, fresh = tmp_path / "keys" / "ledger.key", draw_key()
    write_key(path, KEY)
    write_key(path, fresh)
    read = read_key(path)
    assert isinstance(read, SigningKey)
    assert (read.id, path.stat().st_mode & 0o777) == (fresh.id, 0o600)
    before = read_key(path.with_name(f"ledger.key.{KEY.id[:16]}"))
    assert before is not None
    assert before.public_key == KEY.public_key
    assert read_key(tmp_path / "none") is None


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    path.write_text("no key")
    path.chmod(0o644)
    with pytest.raises(LedgerError, match="can be read by others"):
        read_key(path)
    path.chmod(0o600)
    with pytest.raises(LedgerError, match="is no signing key"):
        read_key(path)


def test_an_anchor_is_a_note_and_for_programs_one_line_in_one_form() -> None:
    text = format_json_anchor(a_head(), KEY.public_key)
    assert json.loads(text)["note"] == format_anchor(a_head(), KEY.public_key)
    assert text.count("\n") == 1
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_a_head_of_the_format_before_still_counts_for_both_verifiers() -> None:
    point = a_head()
    message = canonical_json({"format": FIRST_FORMAT, **unsigned_fields(point)}).encode()
    former = replace(point, signature=KEY.sign(message), public_key=KEY.public_key)
    text = format_anchor(former, KEY.public_key)
    assert json.loads(text)["format"] == FIRST_FORMAT
    assert parse_anchor(text, "a file") == former
    assert is_self_signed(former)
    assert not is_self_signed(replace(former, head=replace(former.head, size=13)))
    verifier = ModuleType("verify_ledger")
    exec(compile(verifier_text(), "verify_ledger.py", "exec"), verifier.__dict__)  # as it is
    for anchor_text in (
        text,
        format_anchor(point, KEY.public_key),
        format_json_anchor(point, KEY.public_key),
    ):
        head = parse_by(verifier, anchor_text)
        assert verifier.has_own_signature(head, verifier.SIGNED_FIELDS)
        assert not verifier.has_own_signature({**head, "size": 13}, verifier.SIGNED_FIELDS)


def parse_by(verifier: ModuleType, text: str) -> dict[str, object]:
    with NamedTemporaryFile("w", suffix=".note") as file:
        file.write(text)
        file.flush()
        head: dict[str, object] = verifier.read_anchor(file.name)[0]
        return head
