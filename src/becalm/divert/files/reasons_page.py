"""The page of reasons: one person's events, points, and how firm the answer is, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from becalm import __version__
from becalm.divert.core.explanation import Explanation
from becalm.render.document import Document, DocumentTable, Section, document_html, document_lines, text_table

REHEARSAL_NOTICE = "REHEARSAL: people are declared, not proven. Nothing here may be used about anybody."
ROLE_WORDS = {"suspect": "suspect", "charged": "suspect", "convicted": "suspect"}
STATUS_WORDS = {"out_of_court": "settled out of court", "eliminated": "ruled out", "": ""}


def event_rows(explanation: Explanation) -> list[dict[str, object]]:
    """One row for each event."""
    return [
        {
            "crime_ref": line.event.crime_ref,
            "occurred_on": line.event.occurred_on.isoformat(),
            "role": line.event.role,
            "status": line.event.status,
            "harm_band": None if explanation.hides_points else line.harm_band,
            "recency": None if explanation.hides_points else line.recency,
            "points": None if explanation.hides_points else line.points,
            "why_not": line.why_not,
        }
        for line in explanation.events
    ]


def notice_of(mode: str) -> str:
    """What stands above everything while people are only declared."""
    return "" if mode == "live" else REHEARSAL_NOTICE


def reasons_document(explanation: Explanation, mode: str) -> Document:
    """The page of reasons."""
    rule = explanation.rule
    answer = "selects you" if explanation.is_selected else "does not select you"
    colophon = (
        f"Rule {rule.key}, version {rule.version}, {rule.sha256[:16]}. "
        f"Your data {explanation.data_sha256[:16]}. As of {explanation.as_of}."
    )
    sections = (
        Section("What the rule says", tuple(_summary(explanation))),
        Section("What it asks for", tables=(_gate_table(explanation),)),
        Section("Your events", tuple(_event_notes(explanation)), (_event_table(explanation),)),
        Section("How firm this is", tuple(_firmness(explanation))),
        Section("What you can do", (
            "You can say that this is wrong. Tell any officer or the rights officer. Nobody will call on you "
            "while it is looked at. Someone who had no part in it will answer you within ten working days.",
            "You can ask to see all that is kept about you, and who looked at it.",
            "You can say no to the offer. Nothing happens if you do.",
        )),
    )  # fmt: skip
    title = f"Why the rule {answer}: {explanation.person}"
    return Document(title, sections, notice_of(mode), colophon, subtitle="Offer of help")


def _summary(explanation: Explanation) -> Iterator[str]:
    gate_text = (
        "All of them are met." if all(line.is_met for line in explanation.gate) else "Not all are met."
    )
    yield (
        "We make a list of people to offer help to. A fixed rule makes the list. It counts crimes that "
        f"someone reported. It asks for {len(explanation.gate)} things. {gate_text}"
    )
    if explanation.hides_points:
        yield (
            "Nobody who is under 18, or whose age we do not know, gets points. You can have the help or not: "
            "that is all that the rule says. Nobody is compared with you."
        )
        return
    yield (
        f"Your crimes as a suspect add up to {explanation.points} points. Each one earns: harm, times how "
        "new it is, times how far the case went. What the police found by looking earns nothing."
    )
    if explanation.victim_points:
        yield (
            f"Crimes were done to you too ({explanation.victim_points} points, kept apart). "
            "So the help comes first, from a partner."
        )


def _gate_table(explanation: Explanation) -> DocumentTable:
    rows = [(g.name, g.needed_text, g.found_text, "yes" if g.is_met else "no") for g in explanation.gate]
    return text_table(("what", "needed", "yours", "met"), rows)


def _event_notes(explanation: Explanation) -> Iterator[str]:
    """The events that earn nothing, by why; no event is left out."""
    refs_by_reason: dict[str, list[str]] = {}
    for line in explanation.events:
        if not line.points:
            role = ROLE_WORDS.get(line.event.role, line.event.role)
            text = f"{line.event.occurred_on} {line.event.crime_ref} ({role})"
            refs_by_reason.setdefault(line.why_not, []).append(text)
    if not explanation.events:
        yield "There are none."
    for reason, refs in refs_by_reason.items():
        heading = "Does not count" if explanation.hides_points else "No points"
        yield f"{heading}, because {reason}: {'; '.join(refs)}."


def _event_table(explanation: Explanation) -> DocumentTable:
    lines = [line for line in explanation.events if line.points]
    rows = [
        (
            line.event.occurred_on,
            line.event.crime_ref,
            line.event.offence,
            STATUS_WORDS.get(line.event.status, line.event.status),
        )
        for line in lines
    ]
    if explanation.hides_points:
        return text_table(("day", "crime", "what", "case"), rows)
    point_cells = [
        (f"{line.harm_band} x {line.recency} x {line.points // (line.harm_band * line.recency)}", line.points)
        for line in lines
    ]
    all_rows = [(*row, *cells) for row, cells in zip(rows, point_cells, strict=True)]
    return text_table(("day", "crime", "what", "case", "harm x new x case", "points"), all_rows)


def _firmness(explanation: Explanation) -> Iterator[str]:
    changes = [
        words
        for words, answer in (
            ("other weights of harm", explanation.is_selected_by_other_weights),
            ("one crime fewer", explanation.is_selected_without_any_one),
            ("a window of 30 days less", explanation.is_selected_by_shorter_window),
            ("a window of 30 days more", explanation.is_selected_by_longer_window),
        )
        if answer != explanation.is_selected
    ]
    if changes:
        yield f"The answer would change with: {', '.join(changes)}. Whoever decides must look at that."
    else:
        yield (
            "The answer stays the same with other weights, with any one crime fewer, and with 30 days more "
            "or less."
        )
    needed_refs = [ref for ref, is_selected in explanation.near_miss if not is_selected]
    if explanation.is_selected and needed_refs:
        yield f"Without any one of these you would not be selected: {', '.join(needed_refs)}."


def reason_lines(explanation: Explanation) -> Iterator[str]:
    """The page as lines on a screen."""
    document = reasons_document(explanation, "live")
    yield from document_lines(document)
    yield ""
    yield document.colophon


def reasons_page(explanation: Explanation, mode: str) -> str:
    """The page to print."""
    return document_html(reasons_document(explanation, mode), __version__)
