"""The outbox in a real browser: what it seals the server opens, and nothing is lost or doubled on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from becalm.app.main import app, open_desk
from becalm.desk import Desk
from becalm.record.desk.street import receive_records
from becalm.record.files.street_keys import StreetKeys

ASSETS = Path(__file__).resolve().parents[2] / "src" / "becalm" / "render" / "assets"
PAGE = b"""<!doctype html><html lang="en"><title>Outbox</title><p id="said"></p>
<script type="module" src="/start.mjs"></script></html>"""
START = b"""import { Outbox } from "/street-outbox.mjs";
const said = document.getElementById("said");
window.outbox = await new Outbox("/outbox", (state) => { said.textContent = JSON.stringify(state); }).start();
document.body.dataset.ready = "yes";
"""
RECORD = "async ([kind, fields, key]) => window.outbox.write(kind, '1', fields, key)"
SEND = """async () => {
  while (window.outbox.isSending) await new Promise((resolve) => setTimeout(resolve, 5));
  await window.outbox.send();
}"""
ARREST = {"unit": "VSU 3", "offence": "knife possession"}


@dataclass
class Phonemast:
    """A server that takes outboxes, and can be told to fail in several ways."""

    desk: Desk
    address: str = ""
    mode: str = "takes"  # or: away, loses the answer, refuses, answers nonsense
    taken: list[Any] = field(default_factory=list)

    def answer(self, body: bytes) -> tuple[int, bytes] | None:
        """What the phone gets; None cuts the line."""
        if self.mode == "away":
            return None
        if self.mode == "refuses":
            return 503, b"{}"
        if self.mode == "answers nonsense":
            return 200, b'{"receipts": [{"id": "x", "entry": "1", "hash": ""}]}'
        told = receive_records(self.desk, json.loads(body))
        self.taken.append(told)
        receipts = [{"id": r.id, "entry": r.entry, "hash": r.hash} for r in told.receipts]
        refused = [{"id": r.id, "reason": r.reason} for r in told.refused]
        answer = json.dumps({"receipts": receipts, "refused": refused}).encode()
        return None if self.mode == "loses the answer" else (200, answer)


def make_handler(mast: Phonemast) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages = {"/": (PAGE, "text/html"), "/start.mjs": (START, "text/javascript")}
            content, kind = pages.get(self.path) or (
                (ASSETS / "street-outbox.mjs").read_bytes(),
                "text/javascript",
            )
            self.reply(200, content, kind)

        def do_POST(self) -> None:
            answer = mast.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if answer is None:
                self.connection.close()
            else:
                self.reply(*answer, "application/json")

        def reply(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", "default-src 'self'")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


@pytest.fixture
def mast(tmp_path: Path) -> Iterator[Phonemast]:
    made = CliRunner().invoke(app, ["init", "--city", "london", "--workspace", str(tmp_path / "w")])
    assert made.exit_code == 0, made.output
    mast = Phonemast(replace(open_desk(tmp_path / "w"), actor="PC 101", role="officer"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(mast))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # lines that were cut on purpose
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mast.address = f"http://127.0.0.1:{server.server_port}/"
    yield mast
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser, mast: Phonemast) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(mast.address)
    page.wait_for_selector("[data-ready]", state="attached")
    yield page
    context.close()


def write(page: Page, mast: Phonemast, count: int = 1, **fields: str) -> list[str]:
    key = StreetKeys(mast.desk.workspace.path).current(mast.desk.now())
    public = {"number": key.number, "public": key.public_text}
    return [page.evaluate(RECORD, ["arrest", {**ARREST, **fields}, public]) for _ in range(count)]


def said(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(page.inner_text("#said"))
    return told


def send(page: Page) -> dict[str, Any]:
    page.evaluate(SEND)
    return said(page)


def arrest_references(mast: Phonemast) -> list[str]:
    entries = mast.desk.open_ledger().entries(kinds=("arrest_made",))
    return [str(entry.event.facts["reference"]) for entry in entries]


def test_what_the_browser_seals_the_server_opens(page: Page, mast: Phonemast) -> None:
    ids = write(page, mast, 5)
    assert send(page)["pending"] == 0
    assert sorted(arrest_references(mast)) == sorted(ids)


@pytest.mark.parametrize("mode", ["away", "loses the answer", "refuses", "answers nonsense"])
def test_nothing_is_lost_or_doubled_by_a_server_that_fails(page: Page, mast: Phonemast, mode: str) -> None:
    mast.mode = mode
    ids = write(page, mast, 4)
    assert send(page)["pending"] == 4
    mast.mode = "takes"
    assert send(page)["pending"] == 0
    assert sorted(arrest_references(mast)) == sorted(ids)


def test_a_reload_and_a_second_tab_send_each_record_once(page: Page, mast: Phonemast) -> None:
    mast.mode = "away"
    ids = write(page, mast, 6)
    other = page.context.new_page()
    other.goto(mast.address)
    other.wait_for_selector("[data-ready]", state="attached")
    mast.mode = "takes"
    page.reload()
    page.wait_for_selector("[data-ready]", state="attached")
    send(other)
    assert send(page)["pending"] == 0
    assert sorted(arrest_references(mast)) == sorted(ids)


def test_a_record_that_the_server_cannot_read_stays_with_its_reason(page: Page, mast: Phonemast) -> None:
    (record_id,) = write(page, mast, colour="red")
    state = send(page)
    assert state["pending"] == 1
    ((refused_id, reason),) = state["refused"]
    assert refused_id == record_id
    assert "is no field of this form" in reason


def test_nothing_that_was_written_can_be_read_on_the_phone(page: Page, mast: Phonemast) -> None:
    mast.mode = "away"
    write(page, mast, offence="zebra crossing")
    kept = page.evaluate("async () => JSON.stringify(await window.outbox.list())")
    assert "zebra" not in kept
    assert "VSU 3" not in kept
    assert "zebra" not in page.content()
    handed_in = json.loads(page.evaluate("async () => (await (await window.outbox.file()).text())"))
    mast.mode = "takes"
    assert len(receive_records(mast.desk, handed_in).receipts) == 1
