"""Everything that can go wrong, as one tree with an exit code per kind.

BecalmError
├── UsageError        2  what was asked cannot be understood
├── WorkspaceError    3  the workspace or its becalm.toml is missing or broken
├── InputError        4  a file was refused; nothing of it was loaded
├── QuestionError     5  the records at hand cannot answer this question
├── ArchiveError      6  the archive is damaged, or another writer holds it
├── DependencyError   7  something that must be installed is not
├── ReplayError       8  a run could not be repeated exactly
├── EventError        9  an event is not fit to be recorded; nothing was written
├── LedgerError      10  the ledger cannot be read or written, or refuses to be
├── TamperError      11  the ledger does not hold: an entry was altered, lost or replaced
├── PlanError        12  no patrol plan can be made of this, or a plan breaks a rule
├── RosterError      13  no roster can be made of this, or a roster breaks a rule
├── CaseError        14  a step about a person is not allowed; nothing was recorded
├── HeadError        15  a signed head that was kept outside contradicts the ledger
├── AuditError       16  an audit found something that needs explaining
└── RehearsalError   17  a rehearsed year cannot go on
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from itertools import groupby
from types import ModuleType
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what, and what to do about it."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}  {self.what} -> {self.remedy}"


def suggest_word(word: str, known_words: Iterable[str], *, otherwise: str = "") -> str:
    """What to write instead of a word that is not known: the most similar one, else which there are.

    >>> suggest_word("Robery", ["burglary", "robbery"])
    "Did you mean 'robbery'?"
    >>> suggest_word("x", ["burglary", "robbery"])
    'Choose among burglary, robbery.'
    """
    word_by_folded = {known_word.casefold(): known_word for known_word in known_words}
    if similar := get_close_matches(word.casefold(), word_by_folded, n=1):
        return f"Did you mean {word_by_folded[similar[0]]!r}?"
    shown_words = ", ".join(list(word_by_folded.values())[:12]) + (", …" if len(word_by_folded) > 12 else "")
    return otherwise or (f"Choose among {shown_words}." if shown_words else "There is none.")


class BecalmError(Exception):
    """A failure that says what is wrong, where, and what to do next.

    `faults` lists every single problem, so that a reader corrects them all in one go.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.faults = faults

    def reworded(self, reword: Callable[[str], str]) -> Self:
        """The same failure in the words of a door: its options, or the labels of its page."""
        reworded_faults = (Fault(reword(f.where), reword(f.what), reword(f.remedy)) for f in self.faults)
        return type(self)(reword(self.message), tuple(reworded_faults))

    def __str__(self) -> str:
        lines = [self.message]
        for remedy, group in groupby(self.faults, key=lambda fault: fault.remedy):
            same_remedy = list(group)
            if len(same_remedy) == 1:
                lines.append(f"  {same_remedy[0]}")
            else:  # what is to be done about several faults is said once, below them
                lines += [*(f"  {fault.where}  {fault.what}" for fault in same_remedy), f"    -> {remedy}"]
        return "\n".join(lines)


class UsageError(BecalmError):
    """What was asked cannot be understood."""

    exit_code = 2


class WorkspaceError(BecalmError):
    """The workspace or its becalm.toml is missing or broken."""

    exit_code = 3


class InputError(BecalmError):
    """A file was refused, and nothing of it was loaded."""

    exit_code = 4


class QuestionError(BecalmError):
    """The records at hand cannot answer this question."""

    exit_code = 5


class ArchiveError(BecalmError):
    """The archive is damaged, or another writer holds it."""

    exit_code = 6


class DependencyError(BecalmError):
    """Something that must be installed is not."""

    exit_code = 7


class ReplayError(BecalmError):
    """A run could not be repeated exactly."""

    exit_code = 8


class EventError(BecalmError):
    """An event is not fit to be recorded; nothing was written."""

    exit_code = 9


class LedgerError(BecalmError):
    """The ledger cannot be read or written, or refuses to be."""

    exit_code = 10


class TamperError(BecalmError):
    """The ledger does not hold: an entry was altered, lost or replaced."""

    exit_code = 11


class PlanError(BecalmError):
    """No patrol plan can be made of this, or a plan breaks a rule."""

    exit_code = 12


class RosterError(BecalmError):
    """No roster can be made of this, or a roster breaks a rule."""

    exit_code = 13


class CaseError(BecalmError):
    """A step about a person is not allowed; nothing was recorded."""

    exit_code = 14


class HeadError(BecalmError):
    """A signed head that was kept outside contradicts the ledger, whatever the ledger says of itself."""

    exit_code = 15


class AuditError(BecalmError):
    """An audit found something that needs explaining."""

    exit_code = 16


class RehearsalError(BecalmError):
    """A rehearsed year cannot go on: a command failed in it, or what is kept of it cannot be read."""

    exit_code = 17


ERROR_KINDS: tuple[type[BecalmError], ...] = (
    UsageError,
    WorkspaceError,
    InputError,
    QuestionError,
    ArchiveError,
    DependencyError,
    ReplayError,
    EventError,
    LedgerError,
    TamperError,
    PlanError,
    RosterError,
    CaseError,
    HeadError,
    AuditError,
    RehearsalError,
)


def load_extra(module_name: str, extra: str, question: str, otherwise: str = "") -> ModuleType:
    """The module that answers `question`; it is installed with an extra of becalm, not with becalm itself.

    Raises DependencyError with the line to type where it is not there; `otherwise` is another way out.
    """
    try:
        return import_module(module_name)
    except ImportError as error:
        raise DependencyError(
            f"{question} needs {module_name.split('.')[0]}, which is not installed. "
            f'Run: pip install "becalm[{extra}]"{f", or {otherwise}" if otherwise else ""}'
        ) from error
