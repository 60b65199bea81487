"""The pages as people reach them: `becalm serve` in a process of its own, and a client that keeps cookies."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from page import Node, read_page

from becalm.app.main import open_desk
from becalm.app.store.accounts import add_account, find_account
from becalm.app.store.database import AppStore, account_table, open_store
from becalm.app.store.sessions import open_session
from becalm.app.web import make_app, make_site

PASSWORD = "four plain words here"
BECALM = (sys.executable, "-c", "from becalm.app.main import main; main()")
STARTED_WITHIN_S = 60
FORM = "application/x-www-form-urlencoded"
FORM_KEY = re.compile(r'name="form_key" value="([^"]+)"')
SEEN = re.compile(r'name="seen" value="([^"]*)"')
FORM_ID = re.compile(r'name="form_id" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> Node:
        return read_page(self.text.replace("<!doctype html>", ""))

    @property
    def json(self) -> object:
        return json.loads(self.body)

    @property
    def to(self) -> str:
        return self.headers.get("location", "")


class InProcess:
    """The site without a server: each request is handed to the program itself, from an address of its own."""

    def __init__(self, workspace: Path) -> None:
        self.store = open_store(workspace, "")
        self.site = make_site(open_desk(workspace), self.store)
        self.app = make_app(self.site)
        self._loop = asyncio.new_event_loop()
        self._count = 0

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self.store.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        address: str = "",
    ) -> Answer:
        self._count += 1
        parts = urlsplit(path)
        sent_lines = {"host": "testserver", "content-length": str(len(body)), **(headers or {})}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent_lines.items()],
            "client": (
                address or f"10.{self._count >> 16 & 255}.{self._count >> 8 & 255}.{self._count & 255}",
                1,
            ),
            "server": ("testserver", 80),
        }
        sent: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop()
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        with contextlib.suppress(RuntimeError):  # a server would go on after an error that has its page
            self._loop.run_until_complete(self.app(scope, receive, send))
        start = next(message for message in sent if message["type"] == "http.response.start")
        content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        lines = {}
        for name, value in start["headers"]:  # some come twice
            lines[name.decode()] = "\n".join(filter(None, [lines.get(name.decode(), ""), value.decode()]))
        return Answer(start["status"], lines, content)

    def session(self, role: str) -> dict[str, str]:
        """The headers of somebody who is signed in with this role alone."""
        account = find_account(self.store, person(self.store, role))
        assert account
        return {"cookie": f"becalm={open_session(self.store, account, role, now=datetime.now(UTC))}"}


@dataclass
class Client:
    """A browser without a screen: keeps cookies, follows nothing by itself."""

    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        for line in response.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        connection.close()
        return answer

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, fields: Mapping[str, str | Sequence[str]], **headers: str) -> Answer:
        body = urlencode(dict(fields), doseq=True).encode()
        return self.ask("POST", path, body, Content_Type=FORM, **headers)

    def form_key(self, path: str = "/account") -> str:
        found = FORM_KEY.search(self.get(path).text)
        assert found, f"there is no form on {path}"
        return found[1]

    def sign_in(self, name: str, password: str = PASSWORD, next: str = "/") -> Answer:
        fields = {"form_key": self.form_key("/sign-in"), "name": name, "password": password, "next": next}
        return self.post("/sign-in", fields)

    def ask_question(self, path: str, **fields: str | Sequence[str]) -> Answer:
        """Fill in the form of a question and send it."""
        form, path = self.get(path).text, path.partition("?")[0]
        key, form_id = FORM_KEY.search(form), FORM_ID.search(form)
        assert key
        assert form_id
        seen = SEEN.search(form)
        hidden = {"form_key": key[1], "form_id": form_id[1], "seen": seen[1] if seen else ""}
        return self.post(path, {**hidden, **fields})

    def answer_to(self, path: str, **fields: str | Sequence[str]) -> str:
        """Ask through the form, wait for the worker, and give the address of the run."""
        task = self.ask_question(path, **fields).to
        for _ in range(10):
            answer = self.get(task)  # held back until the task ends, for twenty seconds
            if "/runs/" in answer.to:
                return answer.to
        raise AssertionError(answer.text)


@dataclass
class Served:
    """A site that is being served."""

    workspace: Path
    address: str
    process: subprocess.Popen[str]
    store: AppStore

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def client(self, role: str = "") -> Client:
        """A client; with a role, one that is signed in as somebody who has that role alone."""
        client = Client(self.address)
        if role:
            account = find_account(self.store, person(self.store, role))
            assert account
            client.cookies["becalm"] = open_session(self.store, account, role, now=datetime.now(UTC))
        return client


def person(store: AppStore, role: str) -> str:
    """The name of somebody with this role, made where there is nobody yet, with the password of all."""
    name = f"{role.replace(' ', '-')}.{role[::-1].replace(' ', '')[:6]}"
    if find_account(store, name) is None:
        add_account(store, name, [role], PASSWORD, now=datetime.now(UTC))
        store.write(account_table.update().where(account_table.c.name == name).values(must_change=0))
    return name


@contextmanager
def serve(workspace: Path) -> Iterator[Served]:
    """Serve this workspace on a free port, with its worker."""
    store = open_store(workspace, "")
    person(store, "analyst")
    with (workspace.parent / "serve.log").open("w") as log:
        words = [*BECALM, "serve", "--port", "0", "--workspace", str(workspace)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://(\S+)", line)
        assert found, line
        served = Served(workspace, found[1], process, store)
        wait_until_well(served)
        yield served
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()
        store.close()


def wait_until_well(served: Served) -> None:
    end = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < end:
        try:
            if served.client().get("/healthz").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the site did not start")
