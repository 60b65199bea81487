"""All that one briefing says: frozen answers, gathered by the desk and put on the page unchanged."""

from dataclasses import dataclass
from typing import Final

from becalm.brief.part import BriefingPart
from becalm.find.core.place_history import PlaceHistory
from becalm.find.files.map import Area
from becalm.find.files.rules_file import unmatched_lines
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.key_figures import KeyFigureReport
from becalm.measure.core.run_up import RunUp
from becalm.patrol.files.plan_view import NO_PATROL, PatrolSection
from becalm.render import number_format
from becalm.terms import Gap, HotspotList, RunRecord, Step

EVERY_PLACE: Final = (
    "Hotspots: the list holds every place there is, so its probabilities mean nothing. Ask for fewer places."
)


@dataclass(frozen=True, slots=True)
class Briefing:
    """One briefing.

    `place` is the city's name, or "" where nobody has said which city the records are of. Where a part
    is None, the note beside it says why. `week` is the share of the hotspots' incidents in each of the
    168 hours of the week. `areas_note` says where the outlines of the map come from, and `choices` what
    was chosen because nobody asked for anything else.
    """

    place: str
    comparison: Comparison
    run: RunRecord
    labels: tuple[tuple[str, str], ...] = ()  # (key, label) of every offence group
    key_figures: KeyFigureReport | None = None
    key_figures_note: str = ""
    run_up: RunUp | None = None
    run_up_note: str = ""
    hotspots: HotspotList | None = None
    hotspots_note: str = ""
    week: tuple[float, ...] | None = None
    week_note: str = ""
    areas: tuple[Area, ...] = ()
    areas_note: str = ""
    gaps: tuple[Gap, ...] = ()
    choices: tuple[str, ...] = ()
    boroughs: Comparison | None = None  # the same period, borough by borough
    boroughs_note: str = ""
    history: PlaceHistory | None = None  # of the listed places; None where they are no square cells
    steps: tuple[Step, ...] = ()
    patrol: PatrolSection = NO_PATROL
    parts: tuple[BriefingPart, ...] = ()

    def label(self, group: str) -> str:
        """The name of an offence group as people write it."""
        return dict(self.labels).get(group, group.replace("_", " "))

    def name_groups(self, groups: tuple[str, ...]) -> str:
        """Several groups, as they stand inside a sentence."""
        return number_format.join_words([number_format.inside(self.label(group)) for group in groups])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning that an answer carries, each once."""
        late_head = str(self.run.parameters.get("late_head", ""))
        warnings = [late_head] if late_head else []
        warnings += [*self.comparison.warnings, *(f"Coverage: {gap}" for gap in self.gaps)]
        warnings += [f"Hotspots: {warning}" for warning in self.hotspots.warnings] if self.hotspots else []
        warnings += unmatched_lines(self.hotspots.selection) if self.hotspots else []
        warnings += [EVERY_PLACE] if self.lists_every_place else []
        warnings += [warning for part in self.parts for warning in part.warnings]
        return tuple(dict.fromkeys(warnings))

    @property
    def lists_every_place(self) -> bool:
        """Whether the list is as long as there are places, so that it chooses nothing."""
        return self.hotspots is not None and 0 < self.hotspots.places <= len(self.hotspots.hotspots)

    @property
    def place_phrase(self) -> str:
        """The city, or else the source, as it stands behind a noun."""
        return f"in {self.place}" if self.place else f"from {self.comparison.source}"
