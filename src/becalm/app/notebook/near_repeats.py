"""Near repeats on a data frame: the question, its answer, and the picture of its bands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from becalm.app.notebook import frame_desk
from becalm.app.notebook.answers import CHART_WIDTH, LABEL_WIDTH, ROW_HEIGHT, Answer
from becalm.app.notebook.frames import ONE_GROUP, FrameColumns
from becalm.console.emit import View
from becalm.find.cli.explanations import near_repeat_view
from becalm.find.core.near_repeats import NearRepeats, RepeatBand
from becalm.find.core.request import NearRepeatRequest
from becalm.find.desk.explanations import measure_near_repeats
from becalm.render import number_format, svg

CLEAR_P = 0.05


@frame_desk.check_parameters
def near_repeats(
    points: Any,
    *,
    metres: str | Sequence[float] = (100, 200, 400),
    days: str | Sequence[int] = (7, 14, 28),
    date: str = "date",
    group: str | None = None,
    target: frame_desk.Groups = (),
    x: str = "easting_m",
    y: str = "northing_m",
    crs: str | None = None,
    from_crs: str | None = None,
    manhattan: bool = False,
    orders: int = 999,
    seed: int | None = None,
    time_zone: str = "UTC",
    id: str | None = None,
    source: str = "data frame",
) -> NotebookNearRepeats:
    """After one incident, is another one nearby soon more likely than chance alone explains?

    `points` and the columns are given as for `hotspots`; `metres` and `days` are the upper edges of the
    bands of distance and delay. Incidents need a day, not only a month.
    """
    frame_columns = FrameColumns(date=date, group=group, id=id, x=x, y=y)
    with frame_desk.desk_on_points(
        frame_desk.PointFrame(points, frame_columns, crs, from_crs, None, "exact", time_zone, source)
    ) as desk:
        request = frame_desk.build_flat_request(
            NearRepeatRequest,
            metres=metres,
            days=days,
            target=target if group else ONE_GROUP,
            manhattan=manhattan,
            orders=orders,
            seed=seed,
        )
        return NotebookNearRepeats.of(measure_near_repeats(desk, request))


@dataclass(frozen=True, slots=True)
class NotebookNearRepeats(Answer, NearRepeats):
    """Near repeats: one row for each band of distance and delay, and their ratios as a picture."""

    def _view(self) -> View[Any]:
        return near_repeat_view()

    def _drawing(self) -> Markup:
        return draw_bands(self.bands)


def draw_bands(bands: Iterable[RepeatBand]) -> Markup:
    """Observed over expected pairs in each band; a full square where chance does not explain it."""
    all_bands = list(bands)
    distance_ranges = list(dict.fromkeys((band.from_m, band.until_m) for band in all_bands))
    delay_ranges = list(dict.fromkeys((band.from_days, band.until_days) for band in all_bands))
    cell_width = (CHART_WIDTH - LABEL_WIDTH) / len(delay_ranges)
    svg_marks = [
        svg.text(
            LABEL_WIDTH + cell_width * (j + 0.5),
            18,
            _span(*delay, "days"),
            class_="tick",
            text_anchor="middle",
        )
        for j, delay in enumerate(delay_ranges)
    ]
    svg_marks += [
        svg.text(
            8,
            50 + ROW_HEIGHT * i,
            "the same place" if until_m == 0 else _span(from_m, until_m, "m"),
            class_="label",
        )
        for i, (from_m, until_m) in enumerate(distance_ranges)
    ]
    for band in all_bands:
        x = LABEL_WIDTH + cell_width * (delay_ranges.index((band.from_days, band.until_days)) + 0.5)
        svg_marks.append(
            _draw_band(band, x, 45 + ROW_HEIGHT * distance_ranges.index((band.from_m, band.until_m)))
        )
    return svg.picture(
        *svg_marks,
        key="bands",
        title="Pairs of incidents over those expected by chance",
        description=f"A full square: more pairs than chance explains (p up to {CLEAR_P}).",
        width=CHART_WIDTH,
        height=50 + ROW_HEIGHT * len(distance_ranges),
        class_="chart",
    )


def _draw_band(band: RepeatBand, x: float, y: float) -> Markup:
    ratio_text = "no pairs" if band.ratio is None else f"{band.ratio:.2f}, p {number_format.chance(band.p)}"
    fill_class = "hour busy" if band.p <= CLEAR_P and (band.ratio or 0.0) > 1.0 else "hour"
    return svg.group([
        svg.element("rect", x=x - 42, y=y - 7, width=14, height=14, class_=fill_class),
        svg.text(x - 22, y + 5, ratio_text, class_="label"),
    ])  # fmt: skip


def _span(start: float, until: float | None, unit: str) -> str:
    return f"beyond {start:g} {unit}" if until is None else f"{start:g} to {until:g} {unit}"
