"""The page of a job: what it is for, which questions are asked on it, what is drawn beside an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.desk import Desk


@dataclass(frozen=True, slots=True)
class Act:
    """A command that a form calls at once: it records something, or shows what no run may keep.

    A form that records is done once, and refused where an entry of `watched` kinds was added since it was
    read. `subject` is the field that names a person: whoever may not act is told the same as where nobody
    is known by that name. `choices` give the values of a field with their labels, `files` those of a field
    that names a file of the server, `answers` the questions of a field that holds `name=answer`. The first
    column of a table leads to `row_act`; `next_acts` may follow about the same subject.
    """

    title: str
    button: str = "Record it"
    is_look: bool = False  # it only shows: it may be sent again, and its answer is kept nowhere
    is_grave: bool = False  # the password is asked once more
    subject: str = ""
    is_known: Callable[[Desk, str], bool] | None = None  # is anybody known by what stands in `subject`?
    watched: tuple[str, ...] = ()
    choices: Mapping[str, Callable[[Desk], Mapping[str, str]]] = field(default_factory=dict)
    files: Mapping[str, Callable[[Desk], Mapping[str, Path]]] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # fields that keep their defaults
    row_act: str = ""
    next_acts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderList:
    """Folders that a command wrote into the workspace, and what of each is shown.

    `page` is the row of the table of rights, `record` the file by which such a folder is known with `mark`
    beside it, `tables` the csv files that are shown with what each holds, `filters` the columns by which
    their rows can be chosen.
    """

    page: str
    title: str
    record: str
    mark: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    lead: str = ""

    def paths(self, desk: Desk) -> Mapping[str, Path]:
        """The folders by their names, the newest first."""
        root = desk.workspace.path
        record_paths = [path for depth in ("*", "*/*") for path in root.glob(f"{depth}/{self.record}")]
        folders = [path.parent for path in record_paths if path.relative_to(root).parts[0] != "runs"]
        folders = [folder for folder in folders if not self.mark or (folder / self.mark).is_file()]
        folders.sort(key=lambda folder: (-(folder / self.record).stat().st_mtime_ns, str(folder)))
        return {str(folder.relative_to(root)): folder for folder in folders}


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of the desk.

    `questions` are commands by their words, `labels` what each is called on the page. `pictures` draw an
    answer, by command; `unpinned` are questions that read more than the newest records, so that their run
    pins none. `mapped` are questions whose answer is places (as GeoJSON), shown on the street map after the
    table, `profiled` those of which each place has a page, with the labels of its facts
    and, by `place_picture`, a drawing. `links` are pages below this one, by address.
    `pickers` offer values of the fields that begin a question, by command. `acts` are commands called from
    a form at once, `folders` what other commands wrote. `by_command` says what is still done on the command
    line alone.
    """

    job: str
    heading: str
    lead: str
    labels: Mapping[str, str]
    pictures: Mapping[str, Callable[[Any], Markup]] = field(default_factory=dict)
    unpinned: frozenset[str] = frozenset()
    mapped: frozenset[str] = frozenset()
    profiled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    place_picture: Callable[[Mapping[str, Any]], Markup] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    pickers: Mapping[str, Mapping[str, Callable[[Desk], Mapping[str, str]]]] = field(default_factory=dict)
    acts: Mapping[str, Act] = field(default_factory=dict)
    folders: tuple[FolderList, ...] = ()
    by_command: str = ""

    @property
    def questions(self) -> tuple[str, ...]:
        """The commands that can be asked here."""
        return tuple(self.labels)
