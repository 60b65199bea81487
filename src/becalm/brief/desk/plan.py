"""What a briefing will ask: every choice made before the first count, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import cast, get_args

from becalm.desk import Desk
from becalm.desk.coverage import gaps_of, totals_of
from becalm.find.core.request import HotspotRequest
from becalm.find.desk.override import active_entries
from becalm.tables import ArchiveFile, Grouping, Source, choose_source, find_newest_whole_month
from becalm.terms import ParameterValue, ReplayError, UsageError
from becalm.workspace.config import BriefEntry

NO_SOURCE = "none"


@dataclass(frozen=True, slots=True)
class BriefQuestion:
    """What the caller asks for; None and empty mean: what becalm.toml says, else the default."""

    period: str | None = None
    baselines: tuple[str, ...] = ()
    by: str | None = None
    source: str | None = None
    hotspot_source: str | None = None
    target: tuple[str, ...] = ()
    count: int | None = None
    cell_m: float | None = None
    patrol_from: date | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be asked, with nothing left open.

    `hotspot_source` "none" means that no records have points. `chosen` names what nobody asked for.
    """

    period: str
    baselines: tuple[str, ...]
    by: str
    source: str
    hotspot_source: str
    target: tuple[str, ...]
    count: int
    cell_m: float
    chosen: tuple[str, ...]
    overrides: tuple[int, ...] = ()  # the entries of the ledger that hold: decisions about places
    patrol: str = ""  # the commitment of the patrol plan; empty where there is none
    patrol_day: str = ""
    patrol_note: str = ""  # why there is none

    @classmethod
    def of(cls, parameters: Mapping[str, ParameterValue]) -> Plan:
        """The plan as a run record holds it; raises ReplayError where that is not one."""
        names = {field.name for field in fields(cls)}
        if set(parameters) != names:
            odd = ", ".join(sorted(names ^ set(parameters)))
            raise ReplayError(
                f"The run record is not that of a briefing: look at {odd} among its parameters."
            )
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items()}
        return cls(**given)  # type: ignore[arg-type]  # becalm's own record; what reads the plan checks its values

    @property
    def parameters(self) -> dict[str, ParameterValue]:
        """The plan as a run record holds it."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def grouping(self) -> Grouping:
        """What is compared, group by group."""
        return cast("Grouping", self.by)


def plan_of(desk: Desk, question: BriefQuestion) -> Plan:
    """What will be asked, from the caller's words, becalm.toml and the records, in this order?

    Raises
    ------
    UsageError
        where several sources could answer and none is named.
    QuestionError
        where no period is named and no month of the source is whole.
    """
    said = desk.workspace.config.brief
    files = desk.archive.files(as_of=question.as_of)
    source = choose_source(files, question.source or said.source)
    by = question.by or said.by or "offence_group"
    _refuse_unknown_grouping(by)
    hotspot_source = _hotspot_source(files, source, question.hotspot_source or said.hotspot_source)
    return Plan(
        period=question.period or _newest_month(desk, source, question.as_of),
        baselines=question.baselines or said.baselines,
        by=by,
        source=source.key,
        hotspot_source=hotspot_source,
        target=question.target or said.target,
        count=question.count or said.count or HotspotRequest().count,
        cell_m=question.cell_m or said.cell_m or HotspotRequest().places.cell_m,
        chosen=_chosen(question, said),
        overrides=() if hotspot_source == NO_SOURCE else active_entries(desk),
    )


def _newest_month(desk: Desk, source: Source, as_of: date | None) -> str:
    return find_newest_whole_month(totals_of(desk, source, as_of=as_of), gaps_of(desk, source, as_of=as_of))


def _hotspot_source(files: Sequence[ArchiveFile], compared: Source, wanted: str | None) -> str:
    """The source with points: the one that was named, the one that is compared, else the only one."""
    held = sorted({f.source for f in files if f.table == "incidents"})
    if wanted == NO_SOURCE or (wanted is None and not held):
        return NO_SOURCE
    if wanted is None and compared.table == "incidents":
        return compared.key
    if wanted in held or (wanted is None and len(held) == 1):
        return wanted or held[0]
    listed = "\n".join(f"  --hotspot-source {key}" for key in [*held, NO_SOURCE])
    wrong = "Several sources have points" if wanted is None else f"No source {wanted!r} has points"
    raise UsageError(f"{wrong}, and places of different sources are not mixed. Name one, or none:\n{listed}")


def _refuse_unknown_grouping(by: str) -> None:
    if by not in get_args(Grouping):
        raise UsageError(f"There is no comparison by {by!r}. Write one of {', '.join(get_args(Grouping))}.")


def _chosen(question: BriefQuestion, said: BriefEntry) -> tuple[str, ...]:
    """Which parameters nobody asked for, in the question's order."""
    names = [field.name for field in fields(question) if field.name not in ("as_of", "patrol_from")]
    return tuple(n for n in names if not getattr(question, n) and not getattr(said, n, None))
