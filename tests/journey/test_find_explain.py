"""`becalm find clusters | near-repeats | outbreaks` from the outside."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from made_places import months_from
from records import incidents
from typer.testing import CliRunner

from becalm.cli.main import app, open_desk
from becalm.tables.archive import Part

MONTHS = months_from("2018-01", 16)


def becalm(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """Robberies of sixteen months with their days, and the same by month alone."""
    folder = tmp_path_factory.mktemp("explain") / "w"
    becalm("init", folder)
    rng = np.random.default_rng(3)
    with open_desk(folder).archive.intake() as intake:
        for month in MONTHS:
            rows = []
            for spot in rng.integers(0, 40, 30):
                at = rng.random(2) * 150
                day = date.fromisoformat(f"{month}-01") + timedelta(days=int(rng.integers(28)))
                rows.append(
                    {
                        "offence_group": "robbery",
                        "easting_m": 530_000 + 150 * float(spot % 8) + at[0],
                        "northing_m": 180_000 + 150 * float(spot // 8) + at[1],
                        "location_quality": "exact",
                        "precision": "day",
                        "occurred_on": day,
                        "month": month,
                    }
                )
            dateless = [{**row, "occurred_on": None, "precision": "month"} for row in rows]
            for source, kept in (("dated", rows), ("monthly", dateless)):
                intake.add(
                    Part("incidents", source, month, incidents(kept, source=source)),
                    as_of=date(2020, 6, 1),
                    input_file="drawn",
                    input_sha256=f"{source}{month}",
                    recipe="drawn",
                    recipe_sha256="1",
                )
        intake.commit()
    return folder


def test_clusters_say_how_p_values_were_adjusted_and_list_each_place(workspace):
    words = ("find", "clusters", "-w", workspace, "--source", "dated", "--count", 10)
    done = becalm(*words)
    assert done.exit_code == 0, done.output
    assert "adjusted by BH over all places" in done.stdout
    assert "never chooses it" in done.stdout
    rows = list(csv.DictReader(io.StringIO(becalm(*words, "--format", "csv").stdout)))
    assert len(rows) == 10
    assert set(rows[0]) >= {"place_id", "z", "q", "quadrant", "history"}


def test_unadjusted_clusters_are_not_to_be_had(workspace):
    done = becalm("find", "clusters", "-w", workspace, "--source", "dated", "--adjust", "none")
    assert done.exit_code == 2
    assert "would call hundreds of them clusters by chance" in done.output


def test_near_repeats_hold_every_pair_once(workspace):
    done = becalm(
        "find", "near-repeats", "-w", workspace, "--source", "dated", "--format", "json", "--seed", 1
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert sum(band["observed"] for band in told["bands"]) == 480 * 479 // 2
    again = becalm(
        "find", "near-repeats", "-w", workspace, "--source", "dated", "--format", "json", "--seed", 1
    )
    assert again.stdout == done.stdout


def test_records_by_month_alone_cannot_tell_repeats(workspace):
    done = becalm("find", "near-repeats", "-w", workspace, "--source", "monthly")
    assert done.exit_code == 5
    assert "carry a month and no day" in done.output


@pytest.mark.parametrize("edges", ["200,100", "a,b"])
def test_edges_that_cannot_be_are_refused(workspace, edges):
    done = becalm("find", "near-repeats", "-w", workspace, "--source", "dated", "--metres", edges)
    assert done.exit_code == 2
    assert "--metres" in done.output


def test_outbreaks_say_that_looking_everywhere_was_paid_for(workspace):
    done = becalm("find", "outbreaks", "-w", workspace, "--source", "monthly", "--orders", 19)
    assert done.exit_code == 0, done.output
    assert "every circle and run looked at" in done.stdout
