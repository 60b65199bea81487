"""All that is kept about a person, for the person: a PDF to read, a JSON to take away, a signature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from becalm.desk import Desk, make_event, read_payload
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.explanation import explanation_data
from becalm.divert.core.personal_fields import FIELD_BY_KEY
from becalm.divert.core.request import AccessPackRequest
from becalm.divert.desk.cases import THE_PERSON, list_recipients
from becalm.divert.desk.context import (
    case_row,
    check_purpose,
    note_access,
    programme_mode,
    records_file,
    require_role,
    to_payload,
)
from becalm.divert.desk.lists import explain_row
from becalm.divert.desk.people import read_details
from becalm.divert.desk.purge import DETAIL_KINDS
from becalm.divert.desk.rights import read_accesses
from becalm.divert.files.access_pack import PACK_NAMES, PackContent, PackEntry, pack_document, pack_json
from becalm.divert.files.read_people import DETAIL_COLUMNS, is_birth_date
from becalm.divert.files.records_file import Records
from becalm.formats.durable_files import sha256_of_text
from becalm.formats.json_text import json_text
from becalm.ledger import Entry, EventToAppend
from becalm.ledger.signing import read_or_draw_keys
from becalm.render.document import document_pdf
from becalm.render.pages import FolderKind, write_folder
from becalm.terms import UsageError, suggest_word

PACK_KIND: Final = FolderKind("an earlier pack", "pack.json")
AGREEMENT: Final = "right of access"


@dataclass(frozen=True, slots=True)
class AccessPack:
    """What was written or corrected, under which hash, and who must be told."""

    person: str
    folder: str
    files: tuple[str, ...]
    document_sha256: str
    entry: int
    withheld_fields: tuple[str, ...]
    corrected: tuple[str, ...] = ()
    to_tell: tuple[str, ...] = ()


def answer_request(desk: Desk, request: AccessPackRequest) -> AccessPack:
    """Write the pack of a person, or record a correction of details and say who must be told.

    Raises CaseError where a field is unknown, UsageError where neither is asked for.
    """
    check_purpose(request.purpose)
    desk = require_role(desk, "sar")
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    if request.correct:
        return _correct(desk, records, person, request)
    if not request.out:
        raise UsageError("Name a folder for the pack with `out`, or a correction with `correct`.")
    content = _gather(desk, records, person, request)
    return _write(desk, content, Path(request.out), request)


def _gather(desk: Desk, records: Records, person: str, request: AccessPackRequest) -> PackContent:
    note_access(desk, person, "access pack", purpose=request.purpose)
    row = records.row_of(person)
    case = case_row(desk.open_ledger(), person)
    listed_text = str(case["as_of"]) if case is not None and "as_of" in case else str(desk.today)
    explanation = explain_row(desk, records, row, as_of=date.fromisoformat(listed_text))
    entries = [
        entry
        for entry in desk.open_ledger().verified_entries(subject=person)
        if entry.event.kind in DETAIL_KINDS and entry.event.kind != kinds.PERSON
    ]
    pack_entries = tuple(
        PackEntry(
            entry.seq,
            entry.event.occurred_at.isoformat(timespec="seconds"),
            entry.event.kind,
            entry.event.role,
            dict(entry.event.facts),
            *_split(
                entry.event.kind,
                _read_details(desk, entry, request.purpose) if entry.commitment else None,
                request.release,
            ),
        )
        for entry in entries
    )
    return PackContent(
        person=person,
        made_on=desk.today,
        mode=programme_mode(desk),
        details=dict(read_details(desk, records, person, purpose=request.purpose)),
        case=case,
        explanation=explanation_data(explanation),
        entries=pack_entries,
        accesses=tuple(
            (line.at, line.role, line.purpose, line.kind, line.what_text)
            for line in read_accesses(desk, person, with_names=False).lines
        ),
    )


def _read_details(desk: Desk, entry: Entry, purpose: str) -> Mapping[str, object] | None:
    payload = read_payload(desk, entry.seq, subject=entry.event.subject, purpose=purpose)
    return None if payload is None else dict(json.loads(payload))


def _split(
    kind: str, details: Mapping[str, object] | None, release: Sequence[str]
) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """The details that are shown, and the names of those that are withheld."""
    shown_details, withheld_names = {}, []
    for name, value in (details or {}).items():
        field = FIELD_BY_KEY.get((kind, name))
        if (field is not None and field.access == "yes") or name in release:
            shown_details[name] = value
        else:
            withheld_names.append(name)
    return shown_details, tuple(withheld_names)


def _write(desk: Desk, content: PackContent, folder: Path, request: AccessPackRequest) -> AccessPack:
    text = json_text(pack_json(content))
    document_sha256 = sha256_of_text(text)
    key = read_or_draw_keys(desk.workspace.path / desk.workspace.config.ledger.key)[0]
    signature = key.sign(bytes.fromhex(document_sha256))
    released_text = ", ".join(sorted({*request.release}))
    facts = {
        "recipient": THE_PERSON,
        "agreement": AGREEMENT,
        "what": f"access pack; released: {released_text}" if released_text else "access pack",
        "document_sha256": document_sha256,
    }
    event = make_event(desk, "disclosure_made", purpose=request.purpose, facts=facts, subject=content.person)
    pdf = document_pdf(pack_document(content, document_sha256))
    (entry,) = desk.open_ledger().append([EventToAppend(event)])
    files: dict[str, str | bytes] = {"pack.json": text, "pack.pdf": pdf, "pack.sig": f"{signature}\n"}
    write_folder(folder, files, kind=PACK_KIND)
    withheld_names = sorted({name for row in content.entries for name in row.withheld_names})
    return AccessPack(
        content.person, str(folder), PACK_NAMES, document_sha256, entry.seq, tuple(withheld_names)
    )


def _correct(desk: Desk, records: Records, person: str, request: AccessPackRequest) -> AccessPack:
    """Record the details again with what is right; whoever was given the old ones must be told."""
    values = _read_corrections(request.correct)
    details = {**read_details(desk, records, person, purpose=request.purpose), **values}
    row = records.row_of(person)
    number_hmac = records.people["number_hmac"][row].as_py()
    facts = {"number_hmac": number_hmac, "source_sha256": sha256_of_text("correction at request")}
    event = make_event(desk, kinds.PERSON, purpose="correction", facts=facts, subject=person)
    payload = to_payload(kinds.PERSON, details)
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    records_store = records_file(desk)
    with records_store.alone():
        records_store.write(records_store.read().with_details_entry(person, entry.seq, values.get("born_on")))
    return AccessPack(person, "", (), "", entry.seq, (), tuple(values), list_recipients(desk, person))


def _read_corrections(texts: Sequence[str]) -> dict[str, str]:
    """The details that are put right, by name.

    Raises CaseError where one is no detail, has no value behind a sign, or is no birth date.
    """
    values = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if name not in DETAIL_COLUMNS:
            raise step_refusal("correct", f"{name!r} is no detail", suggest_word(name, DETAIL_COLUMNS))
        if not sign or (name == "name" and not value):
            raise step_refusal("correct", f"{name} has no value", f"write {name}='what is right'")
        if name == "born_on" and value and not is_birth_date(value):
            raise step_refusal(
                "correct", "born_on is no birth date", "write 1990-05-31, or nothing if unknown"
            )
        values[name] = value
    return values
