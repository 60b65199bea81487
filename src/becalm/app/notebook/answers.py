"""The answers of the commands as a notebook shows them: the same frozen fields, and a table and a picture."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from markupsafe import Markup, escape

from becalm.console.emit import View
from becalm.find.cli.backtest import backtest_view
from becalm.find.cli.hotspots import hotspot_view
from becalm.find.desk.hotspots import BacktestAnswer, HotspotAnswer
from becalm.find.files.map import Area, hotspot_map
from becalm.measure.cli import comparison_view
from becalm.measure.core.comparison import Comparison
from becalm.measure.files.charts import change_chart, change_rows
from becalm.render import number_format, svg
from becalm.render.pages import picture_style
from becalm.terms import Estimate, Hotspot

if TYPE_CHECKING:
    import geopandas

LABEL_WIDTH, CHART_WIDTH, ROW_HEIGHT = 180.0, 720.0, 30.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing that stands on its own: a notebook shows it, `save` writes it as an SVG file."""

    svg: str

    @classmethod
    def of(cls, drawing: Markup) -> Self:
        """The drawing with our style sheet in it, so that it needs nothing else."""
        svg_opening_tag = '<svg xmlns="http://www.w3.org/2000/svg" '
        style_element = f"<style>{picture_style()}</style>"
        opening_tag, _, inner_svg = str(drawing).replace("<svg ", svg_opening_tag, 1).partition(">")
        return cls(f"{opening_tag}>{style_element}{inner_svg}")

    def save(self, path: str | Path) -> Path:
        """Write the picture to this file."""
        Path(path).write_text(self.svg, "utf-8")
        return Path(path)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        base64_svg = base64.b64encode(self.svg.encode()).decode()
        return f'<img src="data:image/svg+xml;base64,{base64_svg}" style="width:100%;max-width:45rem" alt="">'


class Answer(ABC):
    """What every answer of a notebook can do beside what it holds."""

    __slots__ = ()

    @classmethod
    def of(cls, answer: Any) -> Self:
        """The answer of a command with these abilities."""
        return cls(**{field.name: getattr(answer, field.name) for field in fields(answer)})

    def to_frame(self) -> pd.DataFrame:
        """The rows of the answer as a pandas data frame, with the columns of `--format csv`."""
        row_dicts = [dict(row) for row in self._view().rows(self)]
        return pd.DataFrame(row_dicts, columns=list(self._view().columns) or None)

    def plot(self) -> Picture:
        """The answer as a picture."""
        return Picture.of(self._drawing())

    @abstractmethod
    def _view(self) -> View[Any]:
        """How the command shows it."""

    @abstractmethod
    def _drawing(self) -> Markup:
        """Its picture."""

    def _repr_html_(self) -> str:
        shown_lines = map(_line_html, self._view().lines_off_screen(self))
        return "\n".join([*shown_lines, self.plot()._repr_html_()])


@dataclass(frozen=True, slots=True)
class NotebookHotspots(Answer, HotspotAnswer):
    """The list of hotspots: iterate over its places, or take it as a GeoDataFrame, GeoJSON or a map."""

    def __iter__(self) -> Iterator[Hotspot]:
        """The places, the best first."""
        return iter(self.hotspots.hotspots)

    def __len__(self) -> int:
        """How many places are listed?"""
        return len(self.hotspots.hotspots)

    def to_frame(self) -> geopandas.GeoDataFrame:
        """One row for each place with its outline, in the coordinate system of the list."""
        from becalm.find.files.geodataframes import hotspots_frame

        return hotspots_frame(self.hotspots, boundary=self.boundary)

    def to_geojson(self) -> str:
        """The list as GeoJSON in longitude and latitude, as `becalm find hotspots` writes it."""
        output_view = self._view()
        return str(output_view.files[".geojson"](self))

    def _view(self) -> View[Any]:
        return hotspot_view()

    def _drawing(self) -> Markup:
        boundary_areas = (Area("", self.boundary),) if self.boundary is not None else ()
        return hotspot_map(
            self.hotspots.hotspots, boundary_areas, key="hotspots", title="The hotspots", numbered=10
        )


@dataclass(frozen=True, slots=True)
class NotebookComparison(Answer, Comparison):
    """A comparison: its rows against every baseline as a data frame, its changes as a picture."""

    def _view(self) -> View[Any]:
        return comparison_view()

    def _drawing(self) -> Markup:
        chart_title = f"Change by {self.by.replace('_', ' ')}, {number_format.period(self.period)}"
        return change_chart(change_rows(self), key="changes", title=chart_title)


@dataclass(frozen=True, slots=True)
class NotebookBacktest(Answer, BacktestAnswer):
    """A back-test: one row for each method as a data frame, the methods side by side as a picture."""

    def _view(self) -> View[Any]:
        return backtest_view()

    def _drawing(self) -> Markup:
        pai_rows = [(row.method, row.pai) for row in self.backtest.rows]
        return draw_intervals(pai_rows, title=f"PAI at {self.backtest.area_share:.2%} of the area, by method")


def _line_html(line: object) -> str:
    """One line of a command's output, or one of its tables, as HTML."""
    if not hasattr(line, "columns"):
        line_text = str(line).strip()
        return f"<p>{escape(line_text)}</p>" if line_text else ""
    headed_cells = [(str(column.header), [str(cell) for cell in column.cells]) for column in line.columns]
    head_markup = "".join(f"<th>{escape(heading)}</th>" for heading, _ in headed_cells)
    cell_rows = zip(*(cells for _, cells in headed_cells), strict=True)
    body_markup = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in cell_rows
    )
    return f"<table><thead><tr>{head_markup}</tr></thead><tbody>{body_markup}</tbody></table>"


def draw_intervals(rows: Sequence[tuple[str, Estimate]], *, title: str) -> Markup:
    """Estimates with their intervals, one below the other, on one axis."""
    interval_ends = [end for _, estimate in rows for end in (estimate.low, estimate.high, 0.0)]
    tick_values = svg.round_ticks(min(interval_ends), max(interval_ends), about=6)
    x_axis = svg.Scale(tick_values[0], tick_values[-1], LABEL_WIDTH, CHART_WIDTH - 20)
    bottom_y = 30 + ROW_HEIGHT * len(rows)
    svg_marks = [svg.line(x_axis(tick), 24, x_axis(tick), bottom_y, class_="grid") for tick in tick_values]
    svg_marks += [
        svg.text(x_axis(tick), 16, f"{tick:g}", class_="tick", text_anchor="middle") for tick in tick_values
    ]
    for i, (label, estimate) in enumerate(rows):
        y = 30 + ROW_HEIGHT * (i + 0.5)
        svg_marks += [
            svg.text(8, y + 4, label, class_="label"),
            svg.line(x_axis(estimate.low), y, x_axis(estimate.high), y, class_="bar"),
            svg.element("circle", cx=x_axis(estimate.value), cy=y, r=5, class_="mark fall"),
        ]
    description_text = "; ".join(f"{label}: {e.value:.3g} ({e.low:.3g} to {e.high:.3g})" for label, e in rows)
    return svg.picture(
        *svg_marks,
        key="intervals",
        title=title,
        description=description_text,
        width=CHART_WIDTH,
        height=bottom_y + 10,
        class_="chart",
    )
