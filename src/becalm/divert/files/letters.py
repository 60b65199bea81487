"""Letters to a person: that there is an offer, that a challenge came in, what was decided, that it is over.

Short words and short sentences: a test holds them to a reading age of 11. No points, no crimes, no names of
officers are in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from becalm.divert.core.request import LetterKind
from becalm.divert.files.reasons_page import notice_of
from becalm.render.document import Document, Section

FONT_SCALE = 1.5  # 12 points, which most people read without glasses
NO_CONTACT = "TO FILL IN: how to reach the rights officer ([divert] contact in becalm.toml)"


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What a letter is written from; what its kind does not need is empty."""

    kind: LetterKind
    name: str
    address: str
    city: str
    made_on: date
    mode: str
    contact: str
    ends_on: date | None = None
    has_overlap: bool = False
    is_child: bool = False
    answer_by: date | None = None
    is_upheld: bool = False
    reason: str = ""  # of a decision about a challenge, in the words of whoever decided it
    exit_days: int = 0


def letter_document(facts: LetterFacts) -> Document:
    """The letter as a page to print."""
    title, sections = _LETTERS[facts.kind]
    head = Section(
        _day_text(facts.made_on), (facts.name or "Name not known", facts.address or "Address not known")
    )
    ask = Section("Whom to ask", (
        f"Do you want this in large print, in another language, or read out? Tell us: {_contact(facts)}.",
    ))  # fmt: skip
    body = (*sections(facts), *_rights(facts), ask)
    return Document(
        title,
        (head, *body),
        notice_of(facts.mode),
        subtitle=f"{facts.city}, offer of help",
        font_scale=FONT_SCALE,
    )


def _contact(facts: LetterFacts) -> str:
    return facts.contact or NO_CONTACT


def _day_text(day: date | None) -> str:
    return "" if day is None else f"{day.day} {day:%B %Y}"


def _notice(facts: LetterFacts) -> tuple[Section, ...]:
    helper = "A helper who is not from the police leads. " if facts.has_overlap or facts.is_child else ""
    child = (
        "This letter is also for your parent or carer. One of them, or an adult who is on your side, will be "
        "there each time we meet. We asked the people who look after children first."
    )
    return (
        Section("We want to offer you help", (
            "You can say yes or no. Nothing bad will happen if you say no.",
            f"{helper}Help can be with work, a home, money, drink or drugs, or a way out of a fight.",
            *((child,) if facts.is_child else ()),
        )),
        Section("Why you?", (
            "We keep a list of people we can help. A fixed rule makes the list. It counts crimes that some "
            "one told us about. All can read the rule. Then two people looked at your case. We do not guess "
            "what you will do next.",
        )),
        Section("What this is not", (
            "You are not under arrest. This is not a search. What you tell us stays out of any case, unless "
            "a life or a child is at risk.",
        )),
        Section("What happens next", (
            "Two of us may call at your home. We will say who we are. You do not have to let us in.",
            f"The offer ends on {_day_text(facts.ends_on)}, and so does your place on the list. To keep it "
            "open, two people would have to agree.",
        )),
    )  # fmt: skip


def _receipt(facts: LetterFacts) -> tuple[Section, ...]:
    return (
        Section("We got what you said", (
            "You told us that we have it wrong. Thank you. We will look at it.",
            f"Some one who had no part in your case will look. They will write to you by "
            f"{_day_text(facts.answer_by)}.",
            "Nobody will call on you in the mean time.",
        )),
    )  # fmt: skip


def _challenge(facts: LetterFacts) -> tuple[Section, ...]:
    answer = (
        "You were right. We took you off the list. We told all who had your papers to destroy them."
        if facts.is_upheld
        else "We looked at it, and we think that the list is right. You stay on it until the offer ends."
    )
    appeal_text = (
        "Do you still think that we are wrong? Then you can ask the Information Commissioner to look at it. "
        "You can also go to court. You can still say no to the offer."
    )
    return (
        Section("What we decided", (
            "You told us that we had it wrong. Some one who had no part in your case looked at it.",
            answer,
            f"This is why, in their words: {facts.reason}",
        )),
        *(() if facts.is_upheld else (Section("If you do not agree", (appeal_text,)),)),
    )  # fmt: skip


def _removal(facts: LetterFacts) -> tuple[Section, ...]:
    return (
        Section("You are off the list", (
            "It is over. We will not call on you again about this.",
            "We told all who had your papers to destroy them.",
            f"We keep your file for {facts.exit_days} days more, so that you can still ask about it. Then we "
            "destroy it. You can ask us to do that now.",
        )),
    )  # fmt: skip


def _rights(facts: LetterFacts) -> tuple[Section, ...]:
    return (
        Section("What you can ask for", (
            "You can see all that we keep about you, and who looked at it. It costs you nothing.",
            "You can tell us that some of it is wrong. We will put it right.",
            "You can tell us that you should not be on the list. Nobody will call while we look at it. We "
            "must write back in ten working days.",
            "You can ask us to stop using it, or to destroy it.",
        )),
    ) if facts.kind in ("notice", "removal") else ()  # fmt: skip


_LETTERS = {
    "notice": ("An offer of help", _notice),
    "receipt": ("We got what you said", _receipt),
    "challenge": ("What we decided", _challenge),
    "removal": ("You are off the list", _removal),
}
