"""`becalm serve | work | account`: the pages, the processes that do their long work, and who may sign in."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from becalm.console.command import Session, command
from becalm.terms import BecalmError, FileName, Parameter, Request, UsageError, load_extra

if TYPE_CHECKING:
    from becalm.app.store.accounts import Account
    from becalm.app.store.database import AppStore
    from becalm.desk import Desk

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CLOCK_SLACK_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest(Request):
    """Where are the pages served?"""

    host: Annotated[str, Parameter("The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Parameter("The port; 0 takes a free one.", low=0, high=65535)] = 8000
    check: Annotated[bool, Parameter("Only look whether all is in place, and say what is not.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRequest(Request):
    """How long does this process work?"""

    once: Annotated[bool, Parameter("End once no task waits.")] = False


NameArgument = Annotated[str, Parameter("The name of the account.", is_argument=True)]
RoleOption = Annotated[
    tuple[str, ...], Parameter("A role. Can be repeated; the first is that of the first page.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest(Request):
    """Which account, in which roles?"""

    name: NameArgument
    role: RoleOption = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountListRequest(Request):
    """Whose roles are shown or changed?"""

    name: Annotated[
        str | None, Parameter("The name of the account.", is_argument=True, default_text="all")
    ] = None
    role: RoleOption = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEndRequest(Request):
    """Which account ends?"""

    name: NameArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBackupRequest(Request):
    """Into which file are the accounts, sign-ins and tasks copied?"""

    out: Annotated[FileName, Parameter("The file to write; it must not be there yet.")]


account_app = typer.Typer(no_args_is_help=True, help="Say who may sign in to the pages, and in which roles.")


def register(app: typer.Typer) -> None:
    """Hang the commands on the app."""
    command(app, "serve", ServeRequest, has_files=False)(serve)
    command(app, "work", WorkRequest, has_files=False)(work)
    app.add_typer(account_app, name="account")


def serve(session: Session, request: ServeRequest) -> None:
    """Serve the pages of this workspace, with one process beside it for the long work."""
    desk = session.open_desk()
    if request.check:
        _print_check(session, desk)
        return
    _check_host(desk, request.host)
    uvicorn = load_extra("uvicorn", "web", "The pages")
    load_extra("fastapi", "web", "The pages")
    from becalm.app.site.today_pages import read_programme
    from becalm.app.web import make_app, make_site

    _log_to_stderr()
    _make_map(desk)
    site = make_site(desk, _open_store(desk))
    read_programme(site)  # before the first who comes, not while everybody waits
    with _listen(request.host, request.port) as listener, _worker_process(desk.workspace.path):
        port = listener.getsockname()[1]
        shown_host = f"[{request.host}]" if ":" in request.host else request.host
        typer.echo(f"becalm is at http://{shown_host}:{port} (Ctrl-C ends it)")
        # A proxy on this machine says from where a request came; without one, anybody could say anything.
        has_proxy = bool(desk.workspace.config.web.url)
        config = uvicorn.Config(
            make_app(site), log_config=None, access_log=False, server_header=False, proxy_headers=has_proxy
        )
        uvicorn.Server(config).run(sockets=[listener])


def _make_map(desk: Desk) -> None:
    """Draw the street map where it is missing or old; pages do without it where it cannot be drawn."""
    from becalm.workspace.map_tiles import make_map

    try:
        make_map(desk.workspace, partial(typer.echo, err=True))
    except BecalmError as error:
        typer.echo(f"The pages have no street map: {error}", err=True)


def _check_host(desk: Desk, host: str) -> None:
    """Refuse to send passwords over a network in clear."""
    if host not in LOOPBACK and not desk.workspace.config.web.url.startswith("https://"):
        raise UsageError(
            f"On {host} passwords would cross the network in clear. Put a reverse proxy with TLS before "
            'becalm, and write its address under [web] url in becalm.toml, e.g. "https://becalm.example.org".'
        )


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"{host}:{port} cannot be listened on: {error.strerror}. Name another `port`."
            ) from error
        listener.listen(512)
        yield listener


@contextlib.contextmanager
def _worker_process(workspace_path: Path) -> Iterator[None]:
    """A process for the long work, started again where it is killed, ended with this one."""
    words = [
        sys.executable,
        "-c",
        "from becalm.app.main import main; main()",
        "work",
        "--workspace",
        str(workspace_path),
    ]
    is_over = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not is_over.is_set():
            # Its standard input is a pipe from here, which closes however this process ends.
            process = subprocess.Popen([*words, "--quiet"], stdin=subprocess.PIPE)
            processes[:] = [process]
            process.wait()
            is_over.wait(1.0)

    keeper = threading.Thread(target=keep, name="worker keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        for process in processes:
            process.terminate()
        keeper.join(timeout=10)


def work(session: Session, request: WorkRequest) -> None:
    """Work on the tasks that people start on the pages."""
    load_extra("fastapi", "web", "The pages")
    from becalm.app.web import question_list
    from becalm.app.worker import Worker
    from becalm.brief.pages import JOB_PAGES

    _log_to_stderr()
    desk = session.open_desk()
    worker = Worker(_open_store(desk), desk, question_list(), JOB_PAGES)
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: _stop(is_over))
    _end_with_parent(session, is_over)
    if request.once:
        while worker.work_once():
            pass
        return
    worker.run(until=is_over.is_set)


def _stop(is_over: threading.Event) -> None:
    is_over.set()
    raise KeyboardInterrupt


def _end_with_parent(session: Session, is_over: threading.Event) -> None:
    """Where `serve` started this process: end when its pipe closes."""
    if not session.is_quiet or sys.stdin is None or sys.stdin.isatty():
        return

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdin.buffer.read()
        if not is_over.is_set():
            signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    root = logging.getLogger("becalm")
    root.handlers, root.propagate = [handler], False
    root.setLevel(logging.INFO)


def _open_store(desk: Desk) -> AppStore:
    from becalm.app.main import ledger_url
    from becalm.app.store.database import open_store

    return open_store(desk.workspace.path, ledger_url(desk.workspace))


def _print_check(session: Session, desk: Desk) -> None:
    from becalm.app.serve_check import check_site
    from becalm.console.emit import View

    findings = check_site(desk, lambda: _open_store(desk))
    view: View[Any] = View(
        data=lambda checks: {"checks": list(map(asdict, checks))},
        rows=lambda checks: list(map(asdict, checks)),
        lines=lambda checks: [f"{'ok     ' if f.is_well else 'MISSING'} {f.part}: {f.note}" for f in checks],
    )
    session.emit(findings, view)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _record(
    session: Session, change_text: str, change: Callable[[AppStore, Desk], Account], **values: object
) -> Account:
    """Do it and record it: what cannot be recorded is taken back by nobody having been told of it."""
    from becalm.app.account_events import PURPOSE
    from becalm.desk.audit_events import recorded_action

    desk = session.open_desk()
    store = _open_store(desk)
    facts = {"what": change_text, **{name: value for name, value in values.items() if value}}
    with recorded_action(desk, "account_changed", purpose=PURPOSE, facts=cast("Any", facts)):
        return change(store, desk)


def _show(session: Session, accounts: tuple[Account, ...], note: str = "", password: str = "") -> None:
    from becalm.console.emit import View

    def rows(shown_accounts: tuple[Account, ...]) -> list[dict[str, object]]:
        return [
            {"name": account.name, "roles": list(account.roles), "ended_at": account.ended_at}
            for account in shown_accounts
        ]

    def lines(shown_accounts: tuple[Account, ...]) -> Iterator[str]:
        for account in shown_accounts:
            yield f"{account.name}: {', '.join(account.roles)}{' (ended)' if account.ended_at else ''}"
        yield from filter(None, [note])

    def data(shown_accounts: tuple[Account, ...]) -> dict[str, object]:
        return {"accounts": rows(shown_accounts), **({"password": password} if password else {})}

    view: View[tuple[Account, ...]] = View(
        data=data, rows=rows, lines=lines, columns=("name", "roles", "ended_at")
    )
    session.emit(accounts, view)


@command(account_app, "add", AccountRequest, has_files=False)
def add(session: Session, request: AccountRequest) -> None:
    """Make an account, with a password that is shown once and changed at the first sign-in."""
    from becalm.app.store.accounts import add_account, check_new_account, draw_password

    password = draw_password()
    check_new_account(_open_store(session.open_desk()), request.name, request.role)
    account = _record(
        session,
        "made",
        lambda store, desk: add_account(store, request.name, request.role, password, now=desk.now()),
        account=request.name,
        roles=request.role,
    )
    note = f"Password for the first sign-in, shown once: {password}"
    _show(session, (account,), note, password)


@command(account_app, "roles", AccountListRequest, has_files=False)
def roles(session: Session, request: AccountListRequest) -> None:
    """Show the roles of accounts, or give one account other roles."""
    from becalm.app.store.accounts import list_accounts, require_account, role_faults, set_roles

    store = _open_store(session.open_desk())
    if request.name is None:
        _show(session, list_accounts(store))
        return
    account = require_account(store, request.name)
    if request.role:
        if faults := role_faults(request.role):
            raise UsageError("The roles were not changed", tuple(faults))
        account = _record(
            session,
            "roles",
            lambda store, desk: set_roles(store, account.name, request.role, now=desk.now()),
            account=account.name,
            roles=request.role,
        )
    _show(session, (account,))


@command(account_app, "end", AccountEndRequest, has_files=False)
def end(session: Session, request: AccountEndRequest) -> None:
    """End an account: its sessions and tokens end at once."""
    from becalm.app.store.accounts import end_account, require_account

    account = require_account(_open_store(session.open_desk()), request.name)
    account = _record(
        session,
        "ended",
        lambda store, desk: end_account(store, account.name, now=desk.now()),
        account=account.name,
    )
    _show(session, (account,), "Its sessions and tokens have ended.")


@command(account_app, "backup", AccountBackupRequest, has_files=False)
def backup(session: Session, request: AccountBackupRequest) -> None:
    """Copy accounts, sign-ins, tasks and drafts while the pages are in use; the ledger is copied apart."""
    from becalm.app.store.database import copy_store
    from becalm.console.emit import View

    path = copy_store(_open_store(session.open_desk()), Path(request.out))
    view: View[Path] = View(
        data=lambda path: {"copy": str(path)},
        rows=lambda path: [{"copy": str(path)}],
        lines=lambda path: [
            f"Copied to {path}. It holds hashes of passwords: keep it as you keep the ledger."
        ],
    )
    session.emit(path, view)
