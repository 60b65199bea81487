"""`becalm evaluate`: write down what is asked, fix it in the ledger, run it, and show what it found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.evaluate.core.request import (
    AmendRequest,
    AnywayRequest,
    DesignRequest,
    DraftRequest,
    PowerRequest,
    ProtocolsRequest,
    RegisterRequest,
    StudyRequest,
)

if TYPE_CHECKING:
    from becalm.console.emit import View
    from becalm.evaluate.core.evaluation import Evaluation
    from becalm.evaluate.core.events import RegisteredProtocol

app = typer.Typer(no_args_is_help=True, help="Say whether the programme worked, by a protocol fixed before.")
REFUSAL_CODE = 5  # that of a question which the records at hand cannot answer


@app.callback()
def evaluate() -> None:
    """Say whether the programme worked, by a protocol fixed before the outcome was seen."""


@command(app, "draft", DraftRequest, has_files=False)
def draft(session: Session, request: DraftRequest) -> None:
    """Write a protocol to fill in, with every choice explained."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.protocols import draft_protocol

    view: View[Path] = View(
        lambda path: {"protocol": str(path)},
        lambda path: [{"protocol": str(path)}],
        lambda path: [f"{path} is written. Fill it in, then: becalm evaluate register {path}"],
    )
    session.emit(draft_protocol(request), view)


@command(app, "register", RegisterRequest)
def register(session: Session, request: RegisterRequest) -> None:
    """Fix a protocol in the ledger before its outcome is seen."""
    from becalm.evaluate.desk.protocols import register_protocol

    session.emit(register_protocol(session.open_desk(), request), _protocol_view())


@command(app, "amend", AmendRequest)
def amend(session: Session, request: AmendRequest) -> None:
    """Register a changed protocol in the place of another; both stay on record."""
    from becalm.evaluate.desk.protocols import amend_protocol

    session.emit(amend_protocol(session.open_desk(), request), _protocol_view())


@command(app, "protocols", ProtocolsRequest)
def protocols(session: Session, request: ProtocolsRequest) -> None:  # noqa: ARG001 - the shape of a command
    """List the registered protocols, oldest first."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.protocols import list_protocols

    view: View[tuple[RegisteredProtocol, ...]] = View(
        lambda answer: {"protocols": [_protocol_object(p) for p in answer]},
        lambda answer: [_protocol_object(p) for p in answer],
        _list_lines,
    )
    session.emit(list_protocols(session.open_desk()), view)


def _protocol_view() -> View[RegisteredProtocol]:
    from becalm.console.emit import View

    return View(_protocol_object, lambda p: [_protocol_object(p)], _registration_lines)


def _protocol_object(protocol: RegisteredProtocol) -> dict[str, object]:
    return {
        "sha256": protocol.protocol_sha256,
        "state": protocol.state,
        "registered_at": protocol.registered_at.isoformat(),
        "entry": protocol.entry,
        "first_day": protocol.first_day,
        "last_day": protocol.last_day,
        "replaces": protocol.replaces or None,
        "reason": protocol.reason or None,
    }


def _registration_lines(protocol: RegisteredProtocol) -> Iterator[str]:
    yield f"{protocol.state.capitalize()} (entry {protocol.entry}): {protocol.protocol_sha256}"
    if protocol.is_late:
        yield "The archive already holds days of the outcome: every report will say so."
    if protocol.replaces:
        yield f"It stands in for {protocol.replaces[:16]}, which stays on record."


def _list_lines(answer: tuple[RegisteredProtocol, ...]) -> Iterator[str]:
    if not answer:
        yield "No protocol is registered. Begin with: becalm evaluate draft --design difference"
    for protocol in answer:
        replacement_text = (
            f"  stands in for {protocol.replaces[:16]}: {protocol.reason}" if protocol.replaces else ""
        )
        yield (
            f"{protocol.protocol_sha256[:16]}  {protocol.state:<15}  {protocol.registered_at:%Y-%m-%d}  "
            f"outcome {protocol.first_day} to {protocol.last_day}{replacement_text}"
        )


@command(app, "design", DesignRequest, has_files=False)
def design(session: Session, request: DesignRequest) -> None:
    """Show who is treated when, and what is refused already, before any outcome is read."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.before_outcome import show_design
    from becalm.evaluate.files import design_page

    view = View(
        design_page.design_object,
        lambda answer: design_page.design_object(answer)["arms"],
        lambda answer: _plain_lines(design_page.design_lines(answer)),
    )
    answer = show_design(session.open_desk(), request)
    session.emit(answer, view)
    if answer.refusals:
        raise typer.Exit(REFUSAL_CODE)


@command(app, "run", StudyRequest, has_files=False)
def run(session: Session, request: StudyRequest) -> None:
    """Answer a protocol's question, or refuse it and say what would be valid instead."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.evaluations import run_protocol
    from becalm.evaluate.files import finding_text

    view: View[Evaluation] = View(finding_text.finding_object, finding_text.finding_rows, _finding_lines)
    answer = run_protocol(session.open_desk(), request)
    session.emit(answer, view)
    if answer.finding.main is None:
        raise typer.Exit(REFUSAL_CODE)


def _finding_lines(answer: Evaluation) -> Iterator[object]:
    from rich.text import Text

    from becalm.console.screen import string_table
    from becalm.evaluate.files import finding_text

    yield Text(answer.protocol.question)
    yield Text(answer.words)
    named_estimates = (*answer.finding.estimates, *answer.finding.displacement)
    if named_estimates:
        yield ""
        rows = [(n.name, n.scale, *finding_text.estimate_texts(n)) for n in named_estimates]
        yield string_table(("What", "Scale", "Effect", "Interval", "p"), rows, left=("What", "Scale"))
    yield ""
    yield from map(Text, finding_text.finding_lines(answer))
    yield from map(Text, answer.warnings)
    yield Text(f"Protocol {answer.protocol_sha256[:16]}: {answer.state}. Every run is kept in the ledger.")
    if answer.equal_files:
        yield Text(f"Byte for byte the same as the original: {', '.join(answer.equal_files)}.")
    if answer.folder:
        yield Text(f"Report: {Path(answer.folder) / 'index.html'}")
        yield Text(f"Again:  becalm evaluate run --again {Path(answer.folder) / 'run.json'}")


@command(app, "power", PowerRequest)
def power(session: Session, request: PowerRequest) -> None:
    """Say how likely an effect is to be found, by running the whole recipe on made-up studies."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.power import assess_power
    from becalm.evaluate.files import power_text

    view = View(power_text.power_object, power_text.power_rows, power_text.power_lines)
    session.emit(assess_power(session.open_desk(), request), view)


@command(app, "anyway", AnywayRequest)
def anyway(session: Session, request: AnywayRequest) -> None:
    """Say what else explains a fall, and what may be left: a range, never a number."""
    from becalm.console.emit import View
    from becalm.evaluate.desk.anyway import ask_anyway
    from becalm.evaluate.files import anyway_text

    view = View(
        anyway_text.anyway_object,
        anyway_text.anyway_rows,
        lambda answer: _plain_lines(anyway_text.anyway_lines(answer)),
    )
    session.emit(ask_anyway(session.open_desk(), request), view)


def _plain_lines(lines: Iterable[str]) -> Iterator[object]:
    """Lines of a user's own words: brackets in them are no markup."""
    from rich.text import Text

    return map(Text, lines)
