"""The engines that read the archive: DuckDB in this process, or Spark where data outgrow it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
from ibis import Schema, Table
from ibis.backends import BaseBackend

from becalm.terms import DependencyError, WorkspaceError

ENGINES = ("duckdb", "spark")
LEAST_JAVA = 17
_LOG_SETTINGS = Path(__file__).with_name("spark-log4j2.properties")


def connect(engine: str) -> BaseBackend:
    """Open the named engine: sessions in UTC, nothing fetched from any network.

    Raises DependencyError where Spark is asked for and pyspark or Java is missing, or Java is too old;
    WorkspaceError where there is no such engine.
    """
    if engine == "duckdb":
        return _connect_duckdb()
    if engine == "spark":
        return _connect_spark()
    raise WorkspaceError(
        f"There is no engine {engine!r}. Set BECALM_ENGINE, or engine under [archive] in becalm.toml, "
        f"to {' or '.join(ENGINES)}."
    )


def read_parquet(backend: BaseBackend, paths: Sequence[Path], schema: Schema) -> Table:
    """These Parquet files as one table of exactly this schema, on this engine."""
    if not paths:
        return _create_empty(backend, schema)
    file_names = [str(path) for path in paths]
    if backend.name == "pyspark":
        table = _create_spark_view(backend, _spark_session().read.parquet(*file_names))
    else:
        table = backend.read_parquet(file_names, hive_partitioning=False)
    return _cast_columns(table, schema)


def _cast_columns(table: Table, schema: Schema) -> Table:
    """Select the declared columns, and convert only what differs, so that filters still reach the files."""
    column_types = table.schema()
    return table.select(
        **{
            n: table[n] if column_types[n].copy(nullable=True) == kind else table[n].cast(kind)
            for n, kind in schema.items()
        }
    )


def _create_empty(backend: BaseBackend, schema: Schema) -> Table:
    if backend.name == "pyspark":
        from ibis.backends.pyspark.datatypes import PySparkSchema

        empty_frame = _spark_session().createDataFrame([], PySparkSchema.from_ibis(schema))
        return _cast_columns(_create_spark_view(backend, empty_frame), schema)
    return _cast_columns(backend.create_table(ibis.util.gen_name("empty"), schema=schema, temp=True), schema)


def _connect_duckdb() -> BaseBackend:
    thread_count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ibis.duckdb.connect(
        ":memory:",
        threads=thread_count,
        temp_directory=str(Path(tempfile.gettempdir()) / f"becalm-duckdb-{os.getpid()}"),
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
    )


def _connect_spark() -> BaseBackend:
    if find_spec("pyspark") is None:
        raise DependencyError(
            "The Spark engine needs pyspark, which is not installed. "
            'Run `pip install "becalm[spark]"`, or set [archive] engine = "duckdb" in becalm.toml.'
        )
    _check_java()
    return ibis.pyspark.connect(_spark_session())


def _check_java() -> None:
    java_home = os.environ.get("JAVA_HOME")
    java_path = str(Path(java_home) / "bin" / "java") if java_home else shutil.which("java")
    remedy = (
        f"Install Java {LEAST_JAVA} (Debian: `apt install openjdk-{LEAST_JAVA}-jre-headless`) and set "
        'JAVA_HOME to it, or set [archive] engine = "duckdb" in becalm.toml.'
    )
    if java_path is None or not Path(java_path).exists():
        raise DependencyError(
            f"The Spark engine needs Java {LEAST_JAVA}, and there is no java here. {remedy}"
        )
    version_text = subprocess.run([java_path, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', version_text)
    if version is None or int(version[1]) < LEAST_JAVA:
        first_line = version_text.splitlines()[0] if version_text else "nothing"
        raise DependencyError(
            f"The Spark engine needs Java {LEAST_JAVA} or newer; {java_path} says {first_line!r}. {remedy}"
        )


def _spark_session() -> Any:
    """The one session of this process."""
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[*]")
        .appName("becalm")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.warehouse.dir", str(Path(tempfile.gettempdir()) / f"becalm-spark-{os.getpid()}"))
        .getOrCreate()
    )


def _create_spark_view(backend: BaseBackend, frame: Any) -> Table:
    name = ibis.util.gen_name("archive")
    frame.createOrReplaceTempView(name)
    return backend.table(name)
