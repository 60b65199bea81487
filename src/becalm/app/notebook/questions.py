"""The questions as one call each, on a data frame or on a workspace; the names and signatures are a promise.

A data frame becomes a workspace of its own for as long as the question takes, so that an answer is the one
that the command would give.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from becalm.app.main import open_desk
from becalm.app.notebook import frame_desk
from becalm.app.notebook.answers import NotebookBacktest, NotebookComparison, NotebookHotspots
from becalm.app.notebook.frames import ONE_GROUP, FrameColumns
from becalm.console.command import name_options
from becalm.desk import Desk
from becalm.find.core.request import BacktestRequest, HotspotRequest, NearRepeatRequest
from becalm.find.desk import hotspots as hotspot_desk
from becalm.measure import desk as measure_desk
from becalm.measure.core.request import CompareRequest
from becalm.terms import BecalmError, Request, UsageError, fields_of

if TYPE_CHECKING:
    from becalm.app.notebook.certificate import NotebookCertificate
    from becalm.app.notebook.near_repeats import NotebookNearRepeats

UNPLACED_CRS = "EPSG:27700"  # of a frame whose incidents have no place: nothing is measured in it


@frame_desk.check_parameters
def compare(
    frame: Any,
    *,
    date: str = "date",
    group: str | None = None,
    period: str | None = None,
    baseline: frame_desk.Groups = (),
    offence_group: frame_desk.Groups = (),
    align: Literal["windows", "weekdays", "holidays"] = "windows",
    level: float = 0.95,
    suppress_below: int = 50,
    holidays: str = "",
    time_zone: str = "UTC",
    id: str | None = None,
    source: str = "data frame",
) -> NotebookComparison:
    """How does a period compare with the same period of other years, group by group, and how sure is that?

    `frame` holds one incident in each row; `date` and `group` name its columns. Without `period` it is the
    newest whole month, without `baseline` the same period of the year before. `holidays` is a country or
    region such as "GB-ENG", for `align="holidays"`. With `id`, repeated incidents are refused.
    """
    frame_columns = FrameColumns(date=date, group=group, id=id)
    frame_city_entry = frame_desk.frame_city(UNPLACED_CRS, time_zone, holidays)
    with frame_desk.desk_on_frame(frame, frame_columns, frame_city_entry, source=source) as desk:
        request = frame_desk.build_flat_request(
            CompareRequest,
            period=period,
            baseline=baseline,
            offence_group=offence_group,
            align=align,
            level=level,
            suppress_below=suppress_below,
        )
        return NotebookComparison.of(measure_desk.compare(desk, request))


@frame_desk.check_parameters
def hotspots(
    points: Any,
    *,
    count: int = 250,
    cell_m: float = 150.0,
    boundary: Any = None,
    date: str = "date",
    group: str | None = None,
    target: frame_desk.Groups = (),
    x: str = "easting_m",
    y: str = "northing_m",
    crs: str | None = None,
    from_crs: str | None = None,
    unit: Literal["square", "hexagon", "h3", "box"] = "square",
    separation_m: float = 0.0,
    when: str | None = None,
    finder: str = "blend",
    seed: int | None = None,
    time_zone: str = "UTC",
    location_quality: frame_desk.LocationQuality = "exact",
    id: str | None = None,
    source: str = "data frame",
) -> NotebookHotspots:
    """Which places are expected to carry most incidents, and how sure is each one's rank?

    `points` is a GeoDataFrame of points, or any data frame with the columns `x` and `y`. `crs` is the
    coordinate system in metres in which places are measured, `from_crs` that of `x` and `y` where it is
    another one. `boundary` is a GeoDataFrame of areas or a polygon in metres of `crs`; without it, places
    compete where incidents are recorded. With `group`, name the `target` groups to look for.
    `location_quality` says whether points are exact, moved to a block or snapped to map points.
    """
    frame_columns = FrameColumns(date=date, group=group, id=id, x=x, y=y)
    point_frame = frame_desk.PointFrame(
        points, frame_columns, crs, from_crs, boundary, location_quality, time_zone, source
    )
    with frame_desk.desk_on_points(point_frame) as desk:
        request = frame_desk.build_flat_request(
            HotspotRequest,
            count=count,
            cell_m=cell_m,
            target=target if group else ONE_GROUP,
            unit=unit,
            separation_m=separation_m,
            when=when,
            finder=finder,
            seed=seed,
        )
        return NotebookHotspots.of(hotspot_desk.find_hotspots(desk, request))


@frame_desk.check_parameters
def backtest(
    points: Any,
    *,
    count: int = 250,
    cell_m: float = 150.0,
    boundary: Any = None,
    date: str = "date",
    group: str | None = None,
    target: frame_desk.Groups = (),
    x: str = "easting_m",
    y: str = "northing_m",
    crs: str | None = None,
    from_crs: str | None = None,
    unit: Literal["square", "hexagon", "h3", "box"] = "square",
    origins: int = 12,
    area_share: float = 0.01,
    finder: str = "blend",
    seed: int | None = None,
    time_zone: str = "UTC",
    location_quality: frame_desk.LocationQuality = "exact",
    id: str | None = None,
    source: str = "data frame",
) -> NotebookBacktest:
    """How well would each method have predicted each of the last months, from the months before it alone?

    `points` and the columns are given as for `hotspots`; `origins` is how many months are predicted.
    """
    frame_columns = FrameColumns(date=date, group=group, id=id, x=x, y=y)
    point_frame = frame_desk.PointFrame(
        points, frame_columns, crs, from_crs, boundary, location_quality, time_zone, source
    )
    with frame_desk.desk_on_points(point_frame) as desk:
        request = frame_desk.build_flat_request(
            BacktestRequest,
            count=count,
            cell_m=cell_m,
            target=target if group else ONE_GROUP,
            unit=unit,
            origins=origins,
            area_share=area_share,
            finder=finder,
            seed=seed,
        )
        return NotebookBacktest.of(hotspot_desk.backtest(desk, request))


@frame_desk.check_parameters
def open(workspace: str | Path) -> OpenWorkspace:  # noqa: A001 - the question is called so
    """Open a workspace that `becalm init` made, to ask it the same questions."""
    if not isinstance(workspace, str | Path):
        raise UsageError(f"`workspace` cannot be {workspace!r}. Name the folder of a workspace.")
    return OpenWorkspace(open_desk(Path(workspace)))


class OpenWorkspace:
    """A workspace with the same questions on it; each takes what the command takes, by the same names."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __repr__(self) -> str:
        """Where it is, and of which city."""
        return f"<becalm workspace {self._desk.workspace.path}, {self._desk.workspace.city.name}>"

    def compare(self, **options: Any) -> NotebookComparison:
        """How does a period compare with the same period of other years?"""
        return self._ask(
            CompareRequest, options, lambda r: NotebookComparison.of(measure_desk.compare(self._desk, r))
        )

    def hotspots(self, **options: Any) -> NotebookHotspots:
        """Which places are expected to carry most incidents, and how sure is each one's rank?"""
        return self._ask(
            HotspotRequest, options, lambda r: NotebookHotspots.of(hotspot_desk.find_hotspots(self._desk, r))
        )

    def backtest(self, **options: Any) -> NotebookBacktest:
        """How well would each method have predicted each of the last months?"""
        return self._ask(
            BacktestRequest, options, lambda r: NotebookBacktest.of(hotspot_desk.backtest(self._desk, r))
        )

    def near_repeats(self, **options: Any) -> NotebookNearRepeats:
        """After one incident, is another one nearby soon more likely than chance alone explains?"""
        from becalm.app.notebook.near_repeats import NotebookNearRepeats
        from becalm.find.desk.explanations import measure_near_repeats

        return self._ask(
            NearRepeatRequest, options, lambda r: NotebookNearRepeats.of(measure_near_repeats(self._desk, r))
        )

    def certify(self, visits: Any, **options: Any) -> NotebookCertificate:
        """How well can someone who has watched every visit predict the next one, by this city's clock?"""
        from becalm.app.notebook.certificate import certify

        options.setdefault("time_zone", self._desk.workspace.city.time_zone)
        return certify(visits, **options)

    def _ask(
        self,
        request: type[frame_desk.RequestT],
        options: Mapping[str, Any],
        ask: Callable[[frame_desk.RequestT], frame_desk.AnswerT],
    ) -> frame_desk.AnswerT:
        field_names = [field.name for field in fields_of(request)]
        frame_desk.check_names(inspect.stack()[1].function, options, field_names)
        try:
            return ask(frame_desk.build_flat_request(request, **options))
        except BecalmError as error:
            raise error.reworded(
                lambda text: name_options(text, {n: f"{n}=" for n in field_names})
            ) from error


def _sign(method: Any, request: type[Request]) -> None:
    """Give the method the parameters of its request: a notebook completes and explains them from there."""
    signature_parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    signature_parameters += [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        for field in fields_of(request)
    ]
    method.__signature__ = inspect.Signature(signature_parameters)


_sign(OpenWorkspace.compare, CompareRequest)
_sign(OpenWorkspace.hotspots, HotspotRequest)
_sign(OpenWorkspace.backtest, BacktestRequest)
_sign(OpenWorkspace.near_repeats, NearRepeatRequest)
