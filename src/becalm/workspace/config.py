"""The workspace: one folder with becalm.toml, the archive, the boundaries and (later) the ledger.

becalm.toml, all of it optional but [city]:

    [city]
    key = "london"            # and name, crs, time_zone, holidays, extent_m, [[city.boroughs]]
    chosen = false            # only the default so far: the first mapping that names a city may replace it
    [ingest]
    max_reject_share = 0.05   # a file with a greater share of rejected rows is refused whole
    [archive]
    engine = "duckdb"         # or "spark"
    [brief]                   # what `becalm run` asks where its options do not say otherwise
    source = "mps_borough"    # and hotspot_source, by, baselines, target, count, cell_m
    [ledger]
    url = ""                  # "postgresql+psycopg://…" for a server; else ledger.sqlite in the workspace
    key = "ledger.key"        # the private key that signs the ledger's heads; better kept elsewhere
    anchors = ["anchors"]     # where signed heads go: folders, "mailto:…", "https://…", "qr:FOLDER"
    smtp = ""                 # "smtp://host:25"; without it, e-mails are written as .eml beside the ledger
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from becalm.terms import Borough, City, Fault, WorkspaceError

CONFIG = "becalm.toml"
EXAMPLES: Final = {
    "key": '"york"',
    "name": '"York"',
    "crs": '"EPSG:27700", in metres',
    "time_zone": '"Europe/London"',
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BoroughEntry(_Strict):
    """One [[city.boroughs]] entry."""

    name: str
    command_unit: str | None = None
    code: str | None = None


class CityEntry(_Strict):
    """The [city] table of becalm.toml, and the whole of a city file given to `becalm init --city`."""

    key: str
    name: str
    crs: str
    time_zone: str
    holidays: str = ""
    extent_m: tuple[float, float, float, float] | None = None
    chosen: bool = True
    boroughs: tuple[BoroughEntry, ...] = ()

    def city(self) -> City:
        """The city as a term."""
        boroughs = tuple(Borough(b.name, b.command_unit, b.code) for b in self.boroughs)
        return City(self.key, self.name, self.crs, self.time_zone, self.holidays, boroughs, self.extent_m)


class IngestEntry(_Strict):
    """The [ingest] table."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)


class ArchiveEntry(_Strict):
    """The [archive] table."""

    engine: Literal["duckdb", "spark"] = "duckdb"


class BriefEntry(_Strict):
    """The [brief] table: what `becalm run` asks where its options do not say otherwise."""

    source: str | None = None
    hotspot_source: str | None = None
    by: str | None = None
    baselines: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    count: int | None = Field(default=None, ge=1)
    cell_m: float | None = Field(default=None, gt=0)


class LedgerEntry(_Strict):
    """The [ledger] table: which database keeps it, what signs its heads, and where those go."""

    url: str = ""
    key: str = "ledger.key"
    anchors: tuple[str, ...] = ("anchors",)
    smtp: str = ""


class Config(_Strict):
    """becalm.toml."""

    city: CityEntry
    ingest: IngestEntry = IngestEntry()
    archive: ArchiveEntry = ArchiveEntry()
    brief: BriefEntry = BriefEntry()
    ledger: LedgerEntry = LedgerEntry()


@dataclass(frozen=True, slots=True)
class Workspace:
    """An opened workspace."""

    path: Path
    config: Config

    @property
    def city(self) -> City:
        """The city that the programme runs in."""
        return self.config.city.city()

    @property
    def archive_path(self) -> Path:
        """The folder of crime records."""
        return self.path / "archive"

    @property
    def ledger_path(self) -> Path:
        """The ledger on SQLite (where becalm.toml names no other)."""
        return self.path / "ledger.sqlite"

    @property
    def boundaries_path(self) -> Path:
        """The user's own boroughs, kept as GeoJSON in WGS84 (absent if none were given)."""
        return self.path / "boundaries.geojson"

    @property
    def offences_path(self) -> Path:
        """Offence tables that the user brought; they come before the shipped ones."""
        return self.path / "offences"

    @property
    def harm_path(self) -> Path:
        """Harm weights of offence groups that the user brought; they come before the shipped ones."""
        return self.path / "harm"

    @property
    def mappings_path(self) -> Path:
        """Mappings that the user brought."""
        return self.path / "mappings"


def open_workspace(path: Path) -> Workspace:
    """Open the workspace in this folder."""
    config = path / CONFIG
    if not config.is_file():
        raise WorkspaceError(
            f"{path} is not a workspace: it has no {CONFIG}. "
            f"Make one with `becalm init {path}`, or name another with --workspace."
        )
    found = Workspace(path, read_config(config))
    _require_clock(found)
    return found


def _require_clock(workspace: Workspace) -> None:
    """Refuse a time zone that nobody knows: every day and hour would be counted in another one."""
    zone = workspace.city.time_zone
    try:
        ZoneInfo(zone)
    except (ValueError, KeyError, OSError) as error:
        fault = Fault("city.time_zone", f"{zone!r} is not a time zone", 'write it as e.g. "Europe/London"')
        raise WorkspaceError(f"{workspace.path / CONFIG} has 1 fault", (fault,)) from error


def read_config(path: Path) -> Config:
    """Read and check a becalm.toml, reporting all its faults together."""
    try:
        return Config.model_validate(tomllib.loads(path.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{path} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        raise _faulty(str(path), error) from error


def write_config(folder: Path, config: Config) -> None:
    """Write becalm.toml into this folder in one step."""
    fresh = folder / f".{CONFIG}.new"
    fresh.write_text(config_text(config), "utf-8")
    fresh.replace(folder / CONFIG)


def config_text(config: Config) -> str:
    """becalm.toml as people read it, with a word on every entry.

    >>> city = CityEntry(key="york", name="York", crs="EPSG:27700", time_zone="Europe/London")
    >>> print(config_text(Config(city=city)).splitlines()[4])
    key = "york"
    """
    city = config.city
    extent = f"[{', '.join(f'{v:.15g}' for v in city.extent_m)}]" if city.extent_m else None
    lines = [
        "# A becalm workspace. Every entry is explained in docs/reference/settings.md;",
        "# an entry that becalm does not know is refused, so that a slip of the pen is found.",
        "",
        "[city]",
        f"key = {_quoted(city.key)}",
        f"name = {_quoted(city.name)}",
        f"crs = {_quoted(city.crs)}  # in metres; records are projected into it on the way in",
        f"time_zone = {_quoted(city.time_zone)}  # days and hours are of this zone",
        f"holidays = {_quoted(city.holidays)}  # country or subdivision of the holiday calendar",
        *([f"extent_m = {extent}  # west, south, east, north"] if extent else []),
        f"chosen = {str(city.chosen).lower()}"
        + ("" if city.chosen else "  # only the default: the first records of another city may replace it"),
        "",
        "[ingest]",
        f"max_reject_share = {config.ingest.max_reject_share:.15g}"
        "  # a file with a greater share of rejected rows is refused whole",
        "",
        "[archive]",
        f'engine = {_quoted(config.archive.engine)}  # or "spark", where records outgrow one machine',
    ]
    lines += _table("brief", config.brief, "what `becalm run` asks where its options do not say otherwise")
    lines += _table("ledger", config.ledger, "which database keeps it, what signs its heads, where those go")
    for borough in city.boroughs:
        lines += ["", "[[city.boroughs]]", f"name = {_quoted(borough.name)}"]
        lines += [f"command_unit = {_quoted(borough.command_unit)}"] if borough.command_unit else []
        lines += [f"code = {_quoted(borough.code)}"] if borough.code else []
    return "\n".join(lines) + "\n"


def _table(name: str, entry: _Strict, comment: str) -> list[str]:
    """A table of becalm.toml with what differs from the defaults; nothing where nothing does."""
    given = entry.model_dump(exclude_defaults=True)
    lines = [f"{key} = {_quoted_value(value)}" for key, value in given.items()]
    return ["", f"[{name}]  # {comment}", *lines] if lines else []


def _quoted_value(value: str | float | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(item) for item in value)}]"
    return _quoted(value) if isinstance(value, str) else f"{value:.15g}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def read_city(name_or_path: str) -> CityEntry:
    """Read a city by the name of a shipped one ("london") or from a TOML file."""
    shipped = files("becalm.workspace") / "cities" / f"{name_or_path}.toml"
    source = shipped if "/" not in name_or_path and shipped.is_file() else Path(name_or_path)
    if not source.is_file():
        raise WorkspaceError(
            f"There is no city {name_or_path!r}: neither a file nor one of {', '.join(shipped_cities())}."
        )
    try:
        return CityEntry.model_validate(tomllib.loads(source.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{name_or_path} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        raise _faulty(name_or_path, error) from error


def shipped_cities() -> tuple[str, ...]:
    """The names of the cities that come with becalm."""
    folder = files("becalm.workspace") / "cities"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def _faulty(where: str, error: ValidationError) -> WorkspaceError:
    faults = tuple(map(_fault, error.errors()))
    return WorkspaceError(f"{where} has {len(faults)} fault{'s' * (len(faults) > 1)}", faults)


def _fault(error: ErrorDetails) -> Fault:
    entry, given = ".".join(map(str, error["loc"])), error.get("input")
    last = str(error["loc"][-1])
    if error["type"] == "missing":
        example = f"add it, e.g. {last} = {EXAMPLES[last]}" if last in EXAMPLES else "add it"
        return Fault(entry, "is missing", example)
    if error["type"] == "extra_forbidden" and entry == "city":
        return Fault(
            "[city]", "is a table of becalm.toml", "leave [city] out: a city file has its entries alone"
        )
    if error["type"] == "extra_forbidden":
        return Fault(entry, "is not a known entry", "correct its name, or remove it")
    return Fault(entry, f"{given!r:.80}: {error['msg']}", "correct this entry")
