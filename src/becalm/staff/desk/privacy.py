"""Officers' own data: what is past its term, what is held about one of them, and an assessment in draft."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from becalm import __version__
from becalm.desk import Desk
from becalm.formats.durable_files import write_durably
from becalm.record.core.request import EraseRequest
from becalm.record.desk.personal_data import erase_details
from becalm.record.desk.subject_file import gather_subject
from becalm.render.document import Document, document_html
from becalm.staff.core import events
from becalm.staff.core.request import AccessPackRequest, AssessmentRequest, RetentionRequest
from becalm.staff.desk.people import check_officers, find_rules, parse_until, read_inputs
from becalm.staff.files.privacy_pages import officer_access_pack, staff_assessment
from becalm.staff.files.read_rules import read_rules
from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """Details of absences that are past their term, and whether they were destroyed."""

    past_before: date
    entries: tuple[int, ...]
    is_erased: bool


def apply_retention(desk: Desk, request: RetentionRequest) -> RetentionAnswer:
    """Which details of absences are older than the rule file lets them be? `erase` destroys them.

    The facts stay: that somebody was away from when until when, without why.
    """
    rules = read_rules(find_rules(desk, request.rules))
    past_before = (request.today or desk.today) - timedelta(weeks=rules.detail_weeks)
    ledger, zone = desk.open_ledger(), desk.workspace.city.time_zone
    erasures = ledger.verified_entries(kinds=("payload_erased",))
    erased_seqs = {seq for entry in erasures for seq in cast("tuple[int, ...]", entry.event.facts["entries"])}
    entries = tuple(
        entry.seq
        for entry in ledger.verified_entries(kinds=(events.AVAILABILITY,))
        if entry.commitment and entry.seq not in erased_seqs and parse_until(entry, zone) < past_before
    )
    if request.erase and entries:
        reason = f"staff rules: details are kept {rules.detail_weeks} weeks after an absence"
        erase_details(desk, EraseRequest(entry=entries, reason=reason, purpose="retention"))
    return RetentionAnswer(past_before, entries, request.erase)


def write_access_pack(desk: Desk, request: AccessPackRequest) -> Path:
    """Write all that is held about one officer as a page; what is read for it is recorded.

    Raises UsageError where the officer is unknown.
    """
    officers = read_inputs(desk, None).officers
    check_officers((request.officer,), officers)
    officer = next(officer for officer in officers if officer.staff_number == request.officer)
    subject_file = gather_subject(desk, request.officer, purpose="subject request")
    return _write_page(request.out, officer_access_pack(officer, subject_file))


def write_assessment(desk: Desk, request: AssessmentRequest) -> Path:
    """Write the draft of the impact assessment for officers' data as a page."""
    rules = read_rules(find_rules(desk, request.rules))
    return _write_page(request.out, staff_assessment(rules.detail_weeks))


def _write_page(out: str, document: Document) -> Path:
    path = Path(out)
    if path.suffix.lower() != ".html":
        raise UsageError(f"`out` {path} must end in .html.")
    write_durably(path, document_html(document, __version__))
    return path
