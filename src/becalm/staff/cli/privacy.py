"""`becalm staff retention`, `access-pack` and `dpia`: officers' own data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.staff.core.request import AccessPackRequest, AssessmentRequest, RetentionRequest

if TYPE_CHECKING:
    from pathlib import Path

    from becalm.console.emit import View
    from becalm.staff.desk.privacy import RetentionAnswer


def retention(session: Session, request: RetentionRequest) -> None:
    """List details of absences that are past their term, or destroy them; the facts stay."""
    from becalm.console.emit import View
    from becalm.staff.desk.privacy import apply_retention

    view = View(_retention_data, _retention_rows, _retention_lines)
    session.emit(apply_retention(session.open_desk(), request), view)


def _retention_data(answer: RetentionAnswer) -> dict[str, object]:
    return {
        "past_before": str(answer.past_before),
        "entries": list(answer.entries),
        "erased": answer.is_erased,
    }


def _retention_rows(answer: RetentionAnswer) -> list[dict[str, object]]:
    return [{"entry": seq, "erased": answer.is_erased} for seq in answer.entries]


def _retention_lines(answer: RetentionAnswer) -> Iterator[str]:
    count = len(answer.entries)
    noun = "details of absences that ended" if count != 1 else "detail of an absence that ended"
    verb = "Destroyed" if answer.is_erased else "Past their term:"
    yield f"{verb} {count:,} {noun} before {answer.past_before}."
    if count and not answer.is_erased:
        yield "Destroy them for good: becalm staff retention --erase"


def access_pack(session: Session, request: AccessPackRequest) -> None:
    """Write everything that is held about one officer, and who saw it, as a page."""
    from becalm.staff.desk.privacy import write_access_pack

    session.emit(write_access_pack(session.open_desk(), request), _page_view())


def dpia(session: Session, request: AssessmentRequest) -> None:
    """Write the draft of a data protection impact assessment for officers' data."""
    from becalm.staff.desk.privacy import write_assessment

    session.emit(write_assessment(session.open_desk(), request), _page_view())


def _page_view() -> View[Path]:
    from becalm.console.emit import View

    return View(
        lambda path: {"file": str(path)},
        lambda path: [{"file": str(path)}],
        lambda path: [f"Wrote {path}: open it in a browser, or print it."],
    )
