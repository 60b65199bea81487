"""The papers of the programme, filled in from what is in force; what only people can say is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from becalm import __version__
from becalm.divert.core.access import ROLES
from becalm.divert.core.personal_fields import PERSONAL_FIELDS
from becalm.divert.core.rule import Rule
from becalm.divert.core.screening import CHECKS
from becalm.divert.files.reasons_page import notice_of
from becalm.render.document import Document, DocumentTable, Section, text_table

TO_ANSWER: Final = "TO ANSWER: "


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """What the papers are written from."""

    rule: Rule
    mode: str
    city: str
    people_count: int
    selected_count: int
    case_counts: Mapping[str, int]  # by state
    disparity_sha256: str  # of the signed report; empty where nobody signed one
    ledger_kind: str
    proof: str = ""  # of who acts: logins, signatures, or nothing
    keys: tuple[tuple[str, str, str, str], ...] = ()  # holder, roles, how the id begins, last day


def write_papers(facts: PaperFacts) -> dict[str, Document]:
    """Every paper by the name of its file."""
    return {name: write(facts) for name, write in PAPERS.items()}


def share_filled(document: Document) -> float:
    """Which share of a paper's answers is filled in?"""
    answers = [
        *(text for section in document.sections for text in section.paragraphs),
        *(
            cell
            for section in document.sections
            for table in section.tables
            for row in table.rows
            for cell in row[1:]
        ),
    ]
    return sum(not answer.startswith(TO_ANSWER) for answer in answers) / max(1, len(answers))


def _rule_table(rule: Rule) -> DocumentTable:
    gate = rule.gate
    rows = (
        ("age", f"{rule.adult_age} or older; unknown is a child"),
        ("crimes as suspect", f"{gate.crimes} on {gate.dates} days within {rule.window_days} days"),
        ("newest", f"{gate.recent_days} days old at most"),
        ("formal outcome", f"{gate.charged} at least"),
        ("cap", f"{rule.limit}, never a quota"),
        ("weights", rule.weights),
        ("author", rule.author),
        ("approved by", f"{' and '.join(rule.approvers)} on {rule.approved_on}"),
    )
    return text_table(("condition", "value"), rows)


def _retention_table(rule: Rule) -> DocumentTable:
    retention = rule.retention
    rows = (
        ("selected, not nominated", "counts and hashes alone"),
        ("declined", f"{retention.declined_days} days, then the details are destroyed"),
        (
            "approved",
            f"ends by itself after {retention.expiry_days} days, for good after {retention.hard_stop_days}",
        ),
        ("after the end", f"{retention.exit_days} days, then name, address and events are destroyed"),
    )
    return text_table(("record", "kept for"), rows)


def _fields_table() -> DocumentTable:
    rows = [(f"{f.kind}: {f.name}", ", ".join(f.roles), f.clock, f.access) for f in PERSONAL_FIELDS]
    return text_table(("field", "who sees it", "clock", "in the access pack"), rows)


def _roles_table() -> DocumentTable:
    rows = [(role, ", ".join(act.replace("_", " ") for act in acts)) for role, acts in ROLES.items()]
    return text_table(("role", "may"), rows)


def _proof(facts: PaperFacts) -> Section:
    """What proves who acts; with keys, whose they are, so that a reader can compare them."""
    words = {
        "logins": "The server says who is logged in. What somebody does is recorded under the login.",
        "signatures": "Steps that take two people are signed with their own keys; the ledger refuses others.",
        "": "Nothing: people are declared. This is a rehearsal.",
    }
    heads = ("holder", "signs as", "key begins with", "until")
    tables = (text_table(heads, facts.keys),) if facts.keys else ()
    return Section("What proves who acts", (words[facts.proof],), tables)


def _children(facts: PaperFacts) -> tuple[str, ...]:
    rule = facts.rule
    if not rule.child_age:
        return ("Nobody under 18 is selected; unknown age is a child.",)
    return (
        f"From {rule.child_age} years on there is a route of its own, approved by "
        f"{' and '.join(rule.child_approvers)}. Nobody is scored or ranked: a child is eligible or not.",
        "Social care or youth justice agrees first, then another approver decides. Signs that somebody "
        "exploits the child, or doubt about it, send the case to safeguarding. An adult is present at every "
        "visit. All times are half as long.",
    )


def _numbers(facts: PaperFacts) -> tuple[str, ...]:
    states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in facts.case_counts.items())
    return (
        f"{facts.people_count:,} people are in the records; the rule selects {facts.selected_count:,}.",
        f"Cases: {states or 'none yet'}.",
    )


def _paper(facts: PaperFacts, title: str, *sections: Section) -> Document:
    rule = facts.rule
    colophon = f"becalm {__version__}; rule {rule.key} version {rule.version}, {rule.sha256}"
    return Document(
        f"{title}: draft", sections, notice_of(facts.mode), colophon, subtitle=f"{facts.city}, offer of help"
    )


def _dpia(facts: PaperFacts) -> Document:
    return _paper(
        facts,
        "Data-protection impact assessment",
        Section("Purpose", (
            "To offer help to people suspected of several violent crimes within a year; to no other end.",
            f"{TO_ANSWER}why a list is necessary, and what else was considered.",
        )),
        Section("How people are chosen", ("By a published rule over reported crimes; whole numbers.",),
                (_rule_table(facts.rule),)),
        Section("Scale", _numbers(facts)),
        Section("Who decides", (
            "Two people for each case. The second opens the evidence; both write a reason of their own.",
            "Nobody is added by hand. Anybody can be removed at once.",
        )),
        _proof(facts),
        Section("What is kept, who sees it", tables=(_fields_table(),)),
        Section("How long", tables=(_retention_table(facts.rule),)),
        Section("Risks and what stands against them", (), (_risks(facts),)),
        Section("Consultation", (f"{TO_ANSWER}who was consulted, and whether people listed were.",)),
    )  # fmt: skip


def _risks(facts: PaperFacts) -> DocumentTable:
    rows = (
        ("victims become suspects", "two columns, never added; a victim has no points"),
        ("the police find more where they look", "what they find by looking earns nothing"),
        (
            "the list becomes one for enforcement",
            "no search, no role for investigators, each access recorded",
        ),
        ("entries never end", "approvals end by themselves; a nightly purge, and no approval if it fails"),
        (
            "groups are hit unevenly",
            f"report at every stage; signed: {facts.disparity_sha256[:16] or 'not yet'}",
        ),
        ("the record is rewritten", f"a sealed chain in {facts.ledger_kind}, heads outside the building"),
        ("details leak", "enciphered at rest, destroyed at the end of their time"),
        ("a stamp instead of a decision", "evidence opened first; sentences that are alike are refused"),
    )
    return text_table(("risk", "control"), rows)


def _policy(facts: PaperFacts) -> Document:
    return _paper(
        facts,
        "Appropriate policy document",
        Section("Condition of processing", (f"{TO_ANSWER}the condition of Schedule 8 that is relied on.",)),
        Section("Lawful and fair", ("The rule is published; every person can have every point explained.",)),
        Section("Purpose", ("An offer of help. Use for any other end is refused and recorded.",)),
        Section("No more than is needed", ("Columns outside the list are refused when files are read.",),
                (_fields_table(),)),
        Section("Accuracy", ("Suspects, victims and witnesses are kept apart; only facts count.",)),
        Section("Time limits", tables=(_retention_table(facts.rule),)),
        Section("Security", ("Details are enciphered; each access is recorded first.",), (_roles_table(),)),
    )  # fmt: skip


def _equality(facts: PaperFacts) -> Document:
    report_hash_text = facts.disparity_sha256 or "none was signed"
    return _paper(
        facts,
        "Equality impact assessment",
        Section("What was looked at", (
            "Sex, age, ethnicity (own and officers' account), borough, deprivation; at every stage, against "
            "residents, recorded suspects and recorded victims, with intervals.",
            f"The report that somebody answered for: {report_hash_text}.",
        )),
        Section("What it shows", (f"{TO_ANSWER}what the report shows, and what is done about it.",)),
        Section("What the rule cannot see", ("Characteristics, names, homes, schools, text, associations.",)),
        Section("Screening", tables=(
            text_table(("check", "a yes means"), [(c.question, c.next_step) for c in CHECKS]),
        )),
        Section("Children", _children(facts)),
    )  # fmt: skip


def _atrs(facts: PaperFacts) -> Document:
    rule = facts.rule
    return _paper(
        facts,
        "Algorithmic transparency record",
        Section("Tier 1: what it is", (
            "A fixed rule makes a list of people who may be offered help. Two people decide about each.",
            "It makes no prediction and learns nothing.",
            f"{TO_ANSWER}whom to write to.",
        )),
        Section("Tier 2: owner", (f"Author of the rule: {rule.author}.", f"{TO_ANSWER}the senior owner.")),
        Section("Tier 2: how it works", (rule.source,), (_rule_table(rule),)),
        Section("Tier 2: decisions", ("Selection is advice; two people decide.",)),
        Section("Tier 2: data", ("Recorded crimes with the person's role and how far the case went.",)),
        Section("Tier 2: risks", tables=(_risks(facts),)),
        Section("Appeal", ("Anybody listed can dispute it; visits pause; decided within ten working days.",)),
    )  # fmt: skip


def _algo_care(facts: PaperFacts) -> Document:
    rows = (
        ("Advisory", "Two people decide; the rule only selects who may be put forward."),
        ("Lawful", f"{TO_ANSWER}the legal basis, as counsel sees it."),
        ("Granularity", "Each crime, its band, its age and the stage of its case; no area, no association."),
        ("Ownership", f"The rule is a file with author, approvers and version: {facts.rule.sha256[:16]}."),
        ("Challengeable", "A page of reasons for everybody; a challenge pauses visits."),
        ("Accuracy", "It predicts nothing. Near misses, other weights and other windows stand on each page."),
        ("Responsible", f"Differences between groups: {facts.disparity_sha256[:16] or 'not signed yet'}."),
        ("Explainable", "Whole numbers that the person can add up."),
    )
    return _paper(facts, "ALGO-CARE", Section("Eight questions", tables=(text_table(("", "answer"), rows),)))


PAPERS: Final[Mapping[str, Callable[[PaperFacts], Document]]] = {
    "dpia": _dpia,
    "policy": _policy,
    "equality": _equality,
    "atrs": _atrs,
    "algo-care": _algo_care,
}
