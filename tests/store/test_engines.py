"""The engines start without any network, in UTC, and say what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from becalm.archive import parquet as engines
from becalm.terms import DependencyError, WorkspaceError


def test_an_engine_that_does_not_exist_is_refused() -> None:
    with pytest.raises(WorkspaceError, match="duckdb or spark"):
        engines.connect("oracle")


def test_duckdb_runs_in_utc_and_fetches_nothing() -> None:
    backend = engines.connect("duckdb")
    asked = ("TimeZone", "autoinstall_known_extensions", "autoload_known_extensions")
    told = backend.raw_sql(f"select {', '.join(f'current_setting({name!r})' for name in asked)}").fetchone()
    assert told == ("UTC", False, False)


def test_spark_without_pyspark_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(DependencyError, match=r"becalm\[spark\]"):
        engines.connect("spark")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for Java")
@pytest.mark.parametrize(
    ("says", "words"),
    [
        (None, "there is no java here"),
        ('openjdk version "11.0.2"', "Java 17 or newer"),
        ("nonsense", "nonsense"),
    ],
)
def test_spark_without_a_fitting_java_says_which_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str | None, words: str
) -> None:
    if says is not None:
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
        java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(DependencyError, match=words) as caught:
        engines.connect("spark")
    assert "openjdk-17" in str(caught.value)


def test_spark_runs_in_utc_and_without_a_web_page(open_engine: Any) -> None:
    open_engine("spark")
    session = engines._spark_session()
    assert session.conf.get("spark.sql.session.timeZone") == "UTC"
    assert session.sparkContext.uiWebUrl is None
