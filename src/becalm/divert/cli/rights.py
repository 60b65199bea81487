"""`becalm divert challenge`, `restrict`, `who`, `sar`, `purge`: what people may ask for, and forgetting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.divert.cli.cases import emit_step
from becalm.divert.core import request as ask

if TYPE_CHECKING:
    from becalm.divert.desk.access_pack import AccessPack
    from becalm.divert.desk.letters import Letter
    from becalm.divert.desk.purge import PurgeResult
    from becalm.divert.desk.rights import AccessHistory

WHO_COLUMNS = ("seq", "at", "role", "actor", "purpose", "kind", "what_text")


def challenge(session: Session, request: ask.ChallengeRequest) -> None:
    """Dispute that a person is in the programme, so that visits pause; or decide such a dispute."""
    from becalm.divert.desk import rights

    emit_step(session, rights.challenge, request)


def restrict(session: Session, request: ask.RestrictRequest) -> None:
    """Restrict the use of a person's records, hold them for a court, or free them again."""
    from becalm.console.emit import RECEIPT
    from becalm.divert.desk import rights

    session.emit(rights.restrict(session.open_desk(), request), RECEIPT)


def who(session: Session, request: ask.WhoRequest) -> None:
    """Show who did or saw what about a person, and what for."""
    from becalm.console.emit import View
    from becalm.divert.desk.rights import list_accesses

    view = View(asdict, lambda answer: [asdict(line) for line in answer.lines], _who_lines, is_private=True)
    session.emit(list_accesses(session.open_desk(), request), view)


def _who_lines(answer: AccessHistory) -> Iterable[object]:
    from becalm.console.screen import string_table

    rows = [tuple(str(getattr(line, name)) for name in WHO_COLUMNS) for line in answer.lines]
    heads = ("entry", "when", "role", "name", "what for", "what was done", "more")
    yield f"{answer.person}: {len(answer.lines)} lines, oldest first"
    yield string_table(heads, rows, left=heads[1:])


def letter(session: Session, request: ask.LetterRequest) -> None:
    """Write a letter to a person in plain words, to print; that it was made is recorded."""
    from becalm import __version__
    from becalm.console.emit import View
    from becalm.divert.desk.letters import write_letter
    from becalm.render.document import document_html, document_pdf

    view = View(
        _letter_data,
        lambda answer: [_letter_data(answer)],
        _letter_lines,
        is_private=True,
        files={
            ".html": lambda answer: document_html(answer.document, __version__),
            ".pdf": lambda answer: document_pdf(answer.document),
        },
    )
    session.emit(write_letter(session.open_desk(), request), view)


def _letter_data(answer: Letter) -> dict[str, object]:
    return {
        "person": answer.person,
        "letter": answer.kind,
        "entry": answer.entry,
        "document_sha256": answer.document_sha256,
        "wishes": answer.wishes,
    }


def _letter_lines(answer: Letter) -> Iterable[str]:
    from becalm.render.document import document_lines

    yield from document_lines(answer.document)
    yield ""
    yield f"Recorded (entry {answer.entry})."
    if answer.wishes:
        yield f"  wishes of the person: {answer.wishes}"


def sar(session: Session, request: ask.AccessPackRequest) -> None:
    """Write everything that is kept about a person for the person; or correct a detail of it."""
    from becalm.console.emit import View
    from becalm.divert.desk.access_pack import answer_request

    view = View(asdict, lambda answer: [asdict(answer)], _pack_lines, is_private=True)
    session.emit(answer_request(session.open_desk(), request), view)


def _pack_lines(answer: AccessPack) -> Iterable[str]:
    if answer.folder:
        yield f"The pack about {answer.person} is in {answer.folder}: {', '.join(answer.files)}"
        yield f"  hash       {answer.document_sha256} (entry {answer.entry})"
        yield f"  withheld   {', '.join(answer.withheld_fields) or 'nothing'}"
    if answer.corrected:
        yield f"Corrected {', '.join(answer.corrected)} (entry {answer.entry})"
    yield from (f"  to be told: {recipient}" for recipient in answer.to_tell)


def purge(session: Session, request: ask.PurgeRequest) -> None:
    """Destroy the details whose time is over, or those of one person who asked for it."""
    from becalm.console.emit import View
    from becalm.divert.desk.purge import purge as purge_details

    view = View(asdict, lambda answer: [asdict(answer)], _purge_lines)
    session.emit(purge_details(session.open_desk(), request), view)


def _purge_lines(answer: PurgeResult) -> Iterable[str]:
    yield f"As of {answer.day}: {answer.expired_count:,} cases ended by themselves"
    yield f"  destroyed  {answer.erased_count:,} of {answer.due_count:,} details that were due"
