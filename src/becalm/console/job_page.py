"""The page of a job: what it is for, which questions are asked on it, what is drawn beside an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of the desk.

    `questions` are commands by their words, `labels` what each is called on the page. `pictures` draw an
    answer, by command; `unpinned` are questions that read more than the newest records, so that their run
    pins none. `mapped` are questions whose answer is places (as GeoJSON), shown on the street map after the
    table. `links` are pages below this one, by address. `by_command` says what is still done on the command
    line alone.
    """

    job: str
    heading: str
    lead: str
    labels: Mapping[str, str]
    pictures: Mapping[str, Callable[[Any], Markup]] = field(default_factory=dict)
    unpinned: frozenset[str] = frozenset()
    mapped: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    by_command: str = ""

    @property
    def questions(self) -> tuple[str, ...]:
        """The commands that can be asked here."""
        return tuple(self.labels)
