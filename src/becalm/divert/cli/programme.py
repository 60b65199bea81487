"""`becalm divert rule`, `disparity` and `govern`: what the programme stands on, and who answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.divert.cli.people import mode_lines
from becalm.divert.core import request as ask

if TYPE_CHECKING:
    from becalm.divert.desk.disparity import DisparityReport
    from becalm.divert.desk.governance import GovernAnswer
    from becalm.divert.desk.keys import KeysAnswer
    from becalm.divert.desk.rules import RuleAnswer
    from becalm.divert.desk.server_rights import ServerRights
    from becalm.render.document import Document

MOST_CHANGES = 20
KEY_DIGITS = 16
CHANGE_COLUMNS = ("name", "coming_count", "going_count", "staying_count")


def rule(session: Session, request: ask.RuleRequest) -> None:
    """Show the rule in force, who would come and go under another one, and put that one in force."""
    from becalm.console.emit import View
    from becalm.divert.desk.rules import show_rule

    view = View(_rule_data, _change_rows, _rule_lines)
    session.emit(show_rule(session.open_desk(), request), view)


def _rule_data(answer: RuleAnswer) -> dict[str, object]:
    return {
        "mode": answer.mode,
        "rule": asdict(answer.rule),
        "other_rule": asdict(answer.other_rule) if answer.other_rule else None,
        "as_of": answer.as_of.isoformat() if answer.as_of else None,
        "changes": _change_rows(answer),
        "entry": answer.entry,
    }


def _change_rows(answer: RuleAnswer) -> list[dict[str, object]]:
    return [asdict(row) for row in answer.change.rows] if answer.change else []


def _rule_lines(answer: RuleAnswer) -> Iterable[object]:
    from becalm.console.screen import string_table

    yield from mode_lines(answer.mode)
    for label, shown_rule in (("In force", answer.rule), ("Other", answer.other_rule)):
        if shown_rule is not None:
            gate = shown_rule.gate
            yield f"{label}: {shown_rule.title} ({shown_rule.key}, version {shown_rule.version})"
            yield (
                f"  {gate.crimes} crimes on {gate.dates} days within {shown_rule.window_days} days, "
                f"the newest {gate.recent_days} days old at most, {gate.charged} with a formal outcome"
            )
            yield f"  by {shown_rule.author}, approved by {' and '.join(shown_rule.approvers)}"
    if answer.change is not None:
        yield f"As of {answer.as_of}, without names:"
        rows = [tuple(str(getattr(row, name)) for name in CHANGE_COLUMNS) for row in answer.change.rows]
        yield string_table(("of whom", "come", "go", "stay"), rows, left=("of whom",))
    if answer.entry is not None:
        yield f"Published (entry {answer.entry}). The papers must be reviewed before anybody is approved."


def disparity(session: Session, request: ask.DisparityRequest) -> None:
    """Show whether the rule, or those who apply it, fall unevenly on groups; and answer for it."""
    from becalm.console.emit import View
    from becalm.divert.desk.disparity import report_disparity
    from becalm.divert.files.disparity_page import disparity_rows
    from becalm.render.document import document_html, document_lines, document_pdf

    view = View(
        _disparity_data,
        lambda answer: disparity_rows(answer.rows),
        lambda answer: document_lines(_disparity_document(answer)),
        is_private=True,
        files={
            ".html": lambda answer: document_html(_disparity_document(answer), "becalm"),
            ".pdf": lambda answer: document_pdf(_disparity_document(answer)),
        },
        document=_disparity_document,
    )
    session.emit(report_disparity(session.open_desk(), request), view)


def _disparity_document(answer: DisparityReport) -> Document:
    from becalm.divert.files.disparity_page import disparity_document

    signed_text = "signed" if answer.is_signed else "nobody answers for it yet"
    title = f"Differences between groups, rule {answer.rule}, as of {answer.as_of} ({signed_text})"
    return disparity_document(title, answer.rows, answer.missing_shares, answer.mode)


def _disparity_data(answer: DisparityReport) -> dict[str, object]:
    from becalm.divert.files.disparity_page import disparity_rows

    return {
        "mode": answer.mode,
        "rule": answer.rule,
        "as_of": answer.as_of.isoformat(),
        "sha256": answer.sha256,
        "signed": answer.is_signed,
        "not_recorded": dict(answer.missing_shares),
        "rows": disparity_rows(answer.rows),
    }


def keys(session: Session, request: ask.KeysRequest) -> None:
    """Show whose keys may sign, draw one of your own, publish one as one of two people, or withdraw one."""
    from becalm.console.emit import View
    from becalm.divert.desk.keys import show_keys

    session.emit(show_keys(session.open_desk(), request), View(_keys_data, _key_rows, _keys_lines))


def _keys_data(answer: KeysAnswer) -> dict[str, object]:
    return {
        "keys": _key_rows(answer),
        "card": answer.card or None,
        "stage": answer.stage or None,
        "key": answer.key or None,
    }


def _key_rows(answer: KeysAnswer) -> list[dict[str, object]]:
    names = ("key", "holder", "roles", "state", "expires_on", "proposed_by", "confirmed_by")
    return [{name: row[name] for name in names} for row in answer.keys]


def _keys_lines(answer: KeysAnswer) -> Iterable[object]:
    from becalm.console.screen import string_table

    if answer.card:
        yield "Keep the file to yourself. Give this card to the two people who publish your key:"
        yield answer.card
        return
    if answer.stage:
        yield f"The key {answer.key[:KEY_DIGITS]} is {answer.stage}."
    names = ("holder", "state", "expires_on")
    rows = [
        (str(row["key"])[:KEY_DIGITS], *(str(row[name]) for name in names), _role_text(row["roles"]))
        for row in answer.keys
    ]
    heads = ("key", "holder", "state", "until", "signs as")
    yield string_table(heads, rows, left=heads)


def _role_text(roles: object) -> str:
    return ", ".join(map(str, roles)) if isinstance(roles, tuple) else ""


def server_rights(session: Session, request: ask.RightsRequest) -> None:
    """Have the server of the ledger refuse what a role may not record or open, whatever program is used."""
    from becalm.console.emit import View
    from becalm.divert.desk.server_rights import enforce_on_server

    view = View(_rights_data, _right_rows, _rights_lines)
    session.emit(enforce_on_server(session.open_desk(), request), view)


def _rights_data(answer: ServerRights) -> dict[str, object]:
    return {"groups": list(answer.groups), "rights": _right_rows(answer)}


def _right_rows(answer: ServerRights) -> list[dict[str, object]]:
    return [right._asdict() for right in answer.rights]


def _rights_lines(answer: ServerRights) -> Iterable[str]:
    yield f"The server now enforces {len(answer.rights)} rights. Its groups, one for each role:"
    yield from (f"  {group}" for group in answer.groups)
    yield "Give each person a login in becalm_app and in the groups of their roles; see the how-to on logins."


def govern(session: Session, request: ask.GovernRequest) -> None:
    """Write the papers of the programme from what is in force, show what changed, and sign them."""
    from becalm.console.emit import View
    from becalm.divert.desk.governance import write_governance

    view = View(asdict, lambda answer: [asdict(answer)], _govern_lines)
    session.emit(write_governance(session.open_desk(), request), view)


def _govern_lines(answer: GovernAnswer) -> Iterable[str]:
    yield from mode_lines(answer.mode)
    yield f"The papers are in {answer.folder}"
    yield from (f"  {name:<10} {share:.0%} filled in" for name, share in answer.filled_shares.items())
    if answer.changes:
        yield f"Changed since the last time ({len(answer.changes)} lines):"
        yield from (f"  {line}" for line in answer.changes[:MOST_CHANGES])
    if answer.entry is not None:
        yield f"Signed (entry {answer.entry})."
    for habit in answer.approvers:
        pace_text = "unopened" if habit.median_seconds is None else f"{habit.median_seconds:.0f} s"
        yield (
            f"  {habit.month} {habit.approver}: {habit.decision_count} decisions, "
            f"{habit.approval_share:.0%} approved, median {pace_text} after opening the evidence, "
            f"{habit.overturn_count} overturned"
        )
    yield from (f"  before anybody is approved: {fault}" for fault in answer.open_faults)
