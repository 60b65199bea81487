"""The same commands give the same answers on DuckDB and on Spark."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from records import incidents, load
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.archive.parquet import ParquetArchive, connect
from becalm.terms import DependencyError


@pytest.fixture(scope="module", autouse=True)
def spark() -> None:
    try:
        connect("spark")
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    assert CliRunner().invoke(app, ["init", str(tmp_path / "force")]).exit_code == 0
    return tmp_path / "force"


def answers(workspace: Path, *words: str) -> tuple[Any, Any]:
    """What the command prints on each engine, without the instant at which it was asked."""
    told = []
    for engine in ("duckdb", "spark"):
        asked = [*words, "--workspace", str(workspace), "--format", "json"]
        result = CliRunner().invoke(app, asked, env={"BECALM_ENGINE": engine})
        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        if isinstance(answer.get("run"), dict):
            answer["run"].pop("made_at", None)
        told.append(answer)
    return told[0], told[1]


def a_year(seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    spots = [(530_000 + draw.randrange(3_000), 180_000 + draw.randrange(3_000)) for _ in range(60)]
    rows = []
    for number in range(4_000):
        east, north = spots[min(int(draw.expovariate(0.15)), 59)]
        rows.append(
            {
                "incident_id": f"{number}",
                "source": "extract",
                "day": date(2019, 1, 1) + timedelta(days=draw.randrange(516)),
                "offence_group": draw.choice(["robbery", "robbery", "burglary", "drugs"]),
                "borough": draw.choice(["Camden", "Islington"]),
                "hour_of_week": draw.randrange(168),
                "easting_m": east + draw.uniform(-5, 5),
                "northing_m": north + draw.uniform(-5, 5),
            }
        )
    return rows


def test_comparisons_and_hotspots_of_incidents(workspace: Path) -> None:
    load(ParquetArchive(workspace / "archive", lambda: connect("duckdb")), incidents(a_year(3)))
    for words in (
        ("measure", "compare", "--period", "2020-04", "--baseline", "2019-04", "--by", "borough"),
        ("find", "hotspots", "--target", "robbery", "--count", "20", "--seed", "7"),
    ):
        duckdb, spark = answers(workspace, *words)
        assert duckdb == spark


@pytest.mark.data
def test_the_comparison_of_the_published_counts_of_london(workspace: Path, shared_data: Path) -> None:
    counts = shared_data / "london" / "mps_borough_2010-04_2020-05.parquet"
    assert CliRunner().invoke(app, ["ingest", str(counts), "--workspace", str(workspace)]).exit_code == 0
    duckdb, spark = answers(
        workspace,
        "measure",
        "compare",
        "--period",
        "2020-04",
        "--baseline",
        "2019-04",
        "--by",
        "offence_group",
    )
    assert duckdb == spark
    assert (duckdb["total"]["old"], duckdb["total"]["new"]) == (74_885, 48_670)
