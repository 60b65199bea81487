"""The certificate on a data frame of visits: the question and its answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
from markupsafe import Markup

from becalm.app.notebook.answers import Answer, draw_intervals
from becalm.app.notebook.frame_desk import build_flat_request, check_parameters
from becalm.app.notebook.frames import read_table
from becalm.console.emit import View
from becalm.patrol.cli.certificate import certificate_view
from becalm.patrol.core.predictability import Certificate
from becalm.patrol.core.request import CertificateRequest
from becalm.patrol.desk.visits import certify_visits


@check_parameters
def certify(
    visits: Any,
    *,
    hotspot_column: str = "hotspot",
    start_column: str = "start",
    end_column: str = "end",
    unit_column: str = "unit",
    area_column: str = "area",
    train_days: int = 56,
    test_days: int = 14,
    seeds: int = 1,
    seed: int = 1,
    time_zone: str = "Europe/London",
) -> NotebookCertificate:
    """How well can someone who has watched every visit predict the next one?

    `visits` is a data frame with one visit in each row, or a csv file. Times without a zone are of
    `time_zone`.
    """
    with _visit_file(visits) as path:
        request = build_flat_request(
            CertificateRequest,
            visits=str(path),
            hotspot_column=hotspot_column,
            start_column=start_column,
            end_column=end_column,
            unit_column=unit_column,
            area_column=area_column,
            train_days=train_days,
            test_days=test_days,
            seeds=seeds,
            seed=seed,
        )
        return NotebookCertificate.of(certify_visits(request, time_zone=time_zone))


@dataclass(frozen=True, slots=True)
class NotebookCertificate(Answer, Certificate):
    """A certificate: its figures as a data frame, the attacker's gain and that of chance as a picture."""

    def _view(self) -> View[Any]:
        return certificate_view()

    def _drawing(self) -> Markup:
        labelled_attacks = (("this log", self.attack), ("chance alone", self.floor))
        gain_rows = [(label, attack.gain) for label, attack in labelled_attacks if attack]
        if gain_rows:
            return draw_intervals(gain_rows, title="What an attacker gains from having watched (AUC)")
        return_rows = [(f"from minute {rate.from_minute}", rate.ratio) for rate in self.scan.returns]
        return draw_intervals(return_rows, title="Visits after a departure, as a share of the usual ones")


@contextmanager
def _visit_file(visits: Any) -> Iterator[Path]:
    """The visits as a csv file: the one that was named, or one written from the frame and removed again."""
    if isinstance(visits, str | Path):
        yield Path(visits)
        return
    visit_table = read_table(visits)
    with tempfile.TemporaryDirectory(prefix="becalm-") as folder:
        csv_path = Path(folder) / "visits.csv"
        cells_of_column = [_csv_cells(column) for column in visit_table.columns]
        pyarrow.csv.write_csv(pa.table(cells_of_column, names=visit_table.column_names), csv_path)
        yield csv_path


def _csv_cells(column: pa.ChunkedArray) -> pa.Array:
    """A column as a csv holds it; instants in ISO 8601, with their zone where they have one."""
    if not pa.types.is_timestamp(column.type):
        return column.combine_chunks().cast(pa.string())
    return pa.array(
        [None if moment is None else moment.isoformat() for moment in column.to_pylist()], pa.string()
    )
