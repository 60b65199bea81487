"""The archive of crime records: immutable Parquet files, one manifest, read through Ibis.

It is read by DuckDB in this process, or by Spark where data outgrow it.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
from ibis import Schema, Table
from ibis.backends import BaseBackend

from becalm.archive.intake import open_intake
from becalm.archive.manifest import MANIFEST, Manifest, current_files, read_manifest
from becalm.formats.durable_files import sha256_of
from becalm.tables import TABLES, ArchiveFile, Intake, Pins
from becalm.terms import ArchiveError, BecalmError, DependencyError, ReplayError, WorkspaceError

ENGINES = ("duckdb", "spark")
LEAST_JAVA = 17
_LOG_SETTINGS = Path(__file__).with_name("spark-log4j2.properties")


class ParquetArchive:
    """An archive in one folder, read by the engine that `connect` opens (once, when first needed)."""

    def __init__(self, path: Path, connect: Callable[[], BaseBackend]) -> None:
        self._root = Path(path)
        self._connect = connect
        self._backend: BaseBackend | None = None
        self._manifest = Manifest()
        self._manifest_stamp: tuple[int, ...] = ()
        self._inputs: frozenset[tuple[str, str]] = frozenset()
        self._verified: dict[tuple[str, int, int, int], str] = {}

    def intake(self) -> AbstractContextManager[Intake]:
        """Start a load. Raises ArchiveError at once where another one is under way."""
        return open_intake(self._root)

    def files(self, table: str | None = None, *, as_of: date | None = None) -> tuple[ArchiveFile, ...]:
        """Which files are current, or were current at `as_of`?"""
        return current_files(self._read_manifest(), table, as_of=as_of)

    def versions(self, table: str | None = None) -> tuple[ArchiveFile, ...]:
        """Every file ever kept, superseded ones too, in the order in which they came."""
        return tuple(f for f in self._read_manifest().files if table in (None, f.table))

    def table(
        self, name: str, *, as_of: date | None = None, source: str | None = None, only: Pins | None = None
    ) -> Table:
        """The named table as an Ibis expression with its declared schema; every file read is checked first.

        Raises ArchiveError where a file is gone or altered, or there is no such table; ReplayError where a
        file of `only` is gone or altered.
        """
        if name not in TABLES:
            raise ArchiveError(f"There is no table {name!r}. The archive has {', '.join(TABLES)}.")
        manifest = self._read_manifest()
        if only is None:
            archive_files = current_files(manifest, name, as_of=as_of, source=source)
            error_class: type[BecalmError] = ArchiveError
        else:
            archive_files = tuple(
                f for f in _select_pinned(manifest, only) if f.table == name and source in (None, f.source)
            )
            error_class = ReplayError
        damage_texts = [damage for file in archive_files if (damage := self._describe_damage(file))]
        if damage_texts:
            raise error_class(
                f"{len(damage_texts)} archive files are not as the manifest lists them: "
                f"{'; '.join(damage_texts[:5])}. "
                f"Restore them in {self._root} from a backup, or load their records into a new workspace."
            )
        self._backend = self._backend or self._connect()
        return read_parquet(self._backend, [self._root / file.path for file in archive_files], TABLES[name])

    def has_input(self, input_sha256: str, recipe_sha256: str) -> bool:
        """Was this very input already loaded with this very recipe?"""
        self._read_manifest()
        return (input_sha256, recipe_sha256) in self._inputs

    def _read_manifest(self) -> Manifest:
        """The manifest as it stands now, read again only when it was replaced."""
        try:
            file_status = (self._root / MANIFEST).stat()
        except FileNotFoundError:
            return Manifest()
        file_stamp = (file_status.st_ino, file_status.st_mtime_ns, file_status.st_size)
        if file_stamp != self._manifest_stamp:
            self._manifest = read_manifest(self._root)
            self._manifest_stamp = file_stamp
            readable_files = filter(self._manifest.is_readable, self._manifest.files)
            self._inputs = frozenset((f.input_sha256, f.recipe_sha256) for f in readable_files)
        return self._manifest

    def _describe_damage(self, file: ArchiveFile) -> str | None:
        file_path = self._root / file.path
        try:
            file_status = file_path.stat()
        except FileNotFoundError:
            return f"{file.path} is gone"
        file_stamp = (file.path, file_status.st_ino, file_status.st_mtime_ns, file_status.st_size)
        if file_stamp not in self._verified:
            self._verified[file_stamp] = sha256_of(file_path)
        return None if self._verified[file_stamp] == file.sha256 else f"{file.path} was altered"


def _select_pinned(manifest: Manifest, pins: Pins) -> tuple[ArchiveFile, ...]:
    """The files that a run names, exactly as it names them."""
    listed_files = {file.path: file for file in manifest.files}
    sha256_by_path = {file.path: file.sha256 for file in manifest.files}
    missing_paths = [path for path, sha256 in pins.items() if sha256_by_path.get(path) != sha256]
    if missing_paths:
        raise ReplayError(
            f"{len(missing_paths)} of the {len(pins)} files of that run are not in this archive: "
            f"{', '.join(missing_paths[:5])}. Repeat it in the workspace in which it was made."
        )
    purged_files = [listed_files[path] for path in pins if listed_files[path].purged_on]
    if purged_files:
        raise ReplayError(
            f"{len(purged_files)} of the {len(pins)} files of that run were purged on "
            f"{purged_files[0].purged_on}: their records were past retention and are destroyed for good. "
            "The run cannot be repeated; its record still shows by hash what it read."
        )
    return tuple(listed_files[path] for path in pins)


def connect(engine_name: str) -> BaseBackend:
    """Open the named engine: sessions in UTC, nothing fetched from any network.

    Raises DependencyError where Spark is asked for and pyspark or Java is missing, or Java is too old;
    WorkspaceError where there is no such engine.
    """
    if engine_name == "duckdb":
        has_affinity = hasattr(os, "sched_getaffinity")
        return ibis.duckdb.connect(
            ":memory:",
            threads=len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1,
            temp_directory=str(Path(tempfile.gettempdir()) / f"becalm-duckdb-{os.getpid()}"),
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
        )
    if engine_name == "spark":
        _check_spark()
        return ibis.pyspark.connect(_spark_session())
    raise WorkspaceError(
        f"There is no engine {engine_name!r}. Set BECALM_ENGINE, or engine under [archive] in becalm.toml, "
        f"to {' or '.join(ENGINES)}."
    )


def read_parquet(backend: BaseBackend, paths: Sequence[Path], schema: Schema) -> Table:
    """These Parquet files as one table of exactly this schema, on this engine."""
    file_names = [str(path) for path in paths]
    if backend.name == "pyspark":
        from ibis.backends.pyspark.datatypes import PySparkSchema

        session, view_name = _spark_session(), ibis.util.gen_name("archive")
        spark_frame = (
            session.read.parquet(*file_names)
            if paths
            else session.createDataFrame([], PySparkSchema.from_ibis(schema))
        )
        spark_frame.createOrReplaceTempView(view_name)
        view_table = backend.table(view_name)
    elif paths:
        view_table = backend.read_parquet(file_names, hive_partitioning=False)
    else:
        view_table = backend.create_table(ibis.util.gen_name("empty"), schema=schema, temp=True)
    # Convert only what differs, so that filters still reach the files.
    type_by_column = view_table.schema()
    return view_table.select(
        **{
            n: view_table[n] if type_by_column[n].copy(nullable=True) == type_ else view_table[n].cast(type_)
            for n, type_ in schema.items()
        }
    )


def _check_spark() -> None:
    if find_spec("pyspark") is None:
        raise DependencyError(
            "The Spark engine needs pyspark, which is not installed. "
            'Run `pip install "becalm[spark]"`, or set [archive] engine = "duckdb" in becalm.toml.'
        )
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
    version_match = re.search(r'version "(\d+)', version_text)
    if version_match is None or int(version_match[1]) < LEAST_JAVA:
        version_line = version_text.splitlines()[0] if version_text else "nothing"
        raise DependencyError(
            f"The Spark engine needs Java {LEAST_JAVA} or newer; {java_path} says {version_line!r}. {remedy}"
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
