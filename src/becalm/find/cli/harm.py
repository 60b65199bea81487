"""The options that say by what hotspots are ranked, and how their harm is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.find.cli.rules import AskedOfList

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import FindQuestion
    from becalm.terms import Hotspot, HotspotList


class RankBy(Enum):
    """By what places can be ranked."""

    count = "count"
    harm = "harm"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfRank(AskedOfList):
    """What find is asked, under which rules places are listed, and by what they are ranked."""

    rank: Annotated[
        RankBy, typer.Option(help="Rank by expected incidents, or by their harm in reviewed weights.")
    ] = RankBy.count
    harm_weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="The harm weights of offence groups: a shipped table, or a TOML file. "
            "With --rank count each place then shows its harm as well.",
            show_default=False,
        ),
    ] = None

    def question_of_rank(self) -> FindQuestion:
        """What is asked, for the desk."""
        from becalm.find.desk.harm import HarmChoice

        return replace(self.question_of_list(), harm=HarmChoice(self.rank.value, self.harm_weights))


HARM_HEADINGS = ("harm in 30 days", "most of it", "rank by count")


def harm_cells(h: Hotspot) -> tuple[str, ...]:
    """The harm of a place as the table shows it; nothing where none was asked for."""
    if h.harm is None:
        return ("", "", "")
    e, lead = h.harm.expected, h.harm.leading
    share = lead.harm / e.value if e.value > 0 else 0.0
    shown = f"{e.value:,.0f} ({e.low:,.0f} to {e.high:,.0f})"
    return (shown, f"{lead.group} {share:.0%}", str(h.harm.count_rank))


def lines_of_harm(listed: HotspotList) -> Iterator[str]:
    """By what the list is ranked, with which weights, and what its harm is made of."""
    if listed.harm is None:
        return
    basis, weights = listed.harm, listed.harm.weights
    by, other = ("harm", "count") if listed.rank == "harm" else ("count", "harm")
    yield (
        f"Ranked by {by}: P(top), rank intervals and churn are of that rank. {basis.shared} of "
        f"{len(listed.hotspots)} places are on the list by {other} too."
    )
    yield (
        f"Harm weights {weights.key} {weights.version}: {weights.index} {weights.edition} ({weights.unit}), "
        f"by {weights.author}, reviewed {weights.reviewed_on}."
    )
    for g in basis.groups:
        own = "" if g.scored else "; too few records for a score of its own"
        yield (
            f"  {g.group}: weight {g.weight:,.1f}; {g.incident_share:.0%} of the incidents on the list, "
            f"{g.harm_share:.0%} of its harm, {g.doubt_share:.0%} of the doubt{own}"
        )
