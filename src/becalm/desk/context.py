"""The desk itself: what a question may use, built once at the door; and questions asked together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload
from zoneinfo import ZoneInfo

from becalm.terms import BecalmError, Fault, LedgerError, PlanError, Progress, silent_progress

if TYPE_CHECKING:
    from becalm.ledger import Ledger
    from becalm.ledger.store.postgres_rights import KindRight
    from becalm.ledger.store.postgres_setup import PreparedServer
    from becalm.tables import Archive
    from becalm.workspace.config import Workspace

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


def _no_ledger() -> Ledger:
    raise LedgerError("This desk was put together without a ledger. Open it through the command line.")


def _no_server(_owner_url: str) -> PreparedServer:
    raise LedgerError("This desk was put together without a server. Open it through the command line.")


def _no_rights(_owner_url: str, _rights: Sequence[KindRight]) -> tuple[str, ...]:
    raise LedgerError("This desk was put together without a server. Open it through the command line.")


def _no_key() -> bytes:
    raise PlanError("This desk was put together without a source of keys. Open it through the command line.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a command, by which clock, and where its chance comes from."""

    actor: str
    now: Callable[[], datetime]  # an aware instant in UTC
    draw_key: Callable[[], bytes]  # 32 bytes
    draw_seed: Callable[[], int]  # below 2 to the power of 63


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace, its archive, the one who asks, a clock, and sources of seeds and of sealed keys."""

    workspace: Workspace
    archive: Archive
    actor: str
    now: Callable[[], datetime]  # an aware instant in UTC
    draw_seed: Callable[[], int]
    open_ledger: Callable[[], Ledger] = _no_ledger  # the one ledger of this workspace, opened once
    role: str = "user"  # in which the actor asks, as the ledger keeps it
    prepare_ledger: Callable[[str], PreparedServer] = _no_server  # makes a server ready, as its owner
    enforce_rights: Callable[[str, Sequence[KindRight]], tuple[str, ...]] = _no_rights  # on it, as its owner
    draw_key: Callable[[], bytes] = _no_key  # 32 bytes from the operating system, for what is sealed
    ledger_file: Path | None = None  # where the ledger lies; None where a server keeps it
    protected_url: str = ""  # of the login that reads protected characteristics on a server
    progress: Progress = silent_progress  # where long work shows how far it has come

    @property
    def today(self) -> date:
        """The civil day at which it is now in the city."""
        return self.now().astimezone(ZoneInfo(self.workspace.city.time_zone)).date()


@overload
def collect_errors(first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...
@overload
def collect_errors(
    first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /
) -> tuple[A, B, C]: ...
@overload
def collect_errors(
    first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], fourth: Callable[[], D], /
) -> tuple[A, B, C, D]: ...
def collect_errors(*questions: Callable[[], Any]) -> Any:
    """Answer two, three or four questions; where some fail, raise one error of the first one's kind.

    It holds the faults of all.
    """
    answers, errors = [], list[BecalmError]()
    for question in questions:
        try:
            answers.append(question())
        except BecalmError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = tuple(fault for error in errors for fault in _faults_in(error))
        raise type(errors[0])(f"{len(faults)} faults in {len(errors)} of the inputs", faults)
    return tuple(answers)


def _faults_in(error: BecalmError) -> tuple[Fault, ...]:
    """What is wrong; a message without faults holds its own place and remedy in its sentences."""
    problem_text, _, remedy_text = error.message.partition(". ")
    return error.faults or (Fault("input", problem_text, remedy_text.rstrip(".") or "correct it"),)
