"""The workspace: one folder with becalm.toml, the archive, the boundaries and (later) the ledger.

becalm.toml, all of it optional but [city]:

    [city]
    key = "london"            # and name, crs, time_zone, holidays, extent_m, [[city.boroughs]]
    chosen = false            # only the default so far: the first mapping that names a city may replace it
    [ingest]
    max_reject_share = 0.05   # a file with a greater share of rejected rows is refused whole
    keep_months = 72          # records are kept at least so long; `becalm ingest purge` refuses younger ones
    [archive]
    engine = "duckdb"         # or "spark"
    [brief]                   # the defaults of `becalm run`
    source = "mps_borough"    # and hotspot_source, by, baselines, target, count, cell_m
    [public]                  # of tables that are made with `--public`
    withheld_below = 5        # counts of offences from 1 to one less are withheld
    people_withheld_below = 10  # the same of people, such as victims
    [sustain]
    reference = "2019"        # whose level counts as normal; if empty, the year before the first step
    false_alarms_per_year = 1.0  # of the whole force
    single_share = 0.5        # of these, the part for single series; the others are for groups of series
    notify = []               # where new alarms go: folders, "mailto:…", "https://…"
    [divert]
    notify = []               # who hears at once of an emergency: folders, "mailto:…", "https://…"
    contact = ""              # how somebody who gets a letter reaches the rights officer
    [web]                     # the pages of `becalm serve`
    url = ""                  # as people reach them, e.g. "https://becalm.example.org"
    session_minutes = 600     # a session lasts so long in all
    idle_minutes = 30         # and so long without a page being opened
    [web.oidc]                # a provider that says who people are; see the page on serving
    [ledger]
    url = ""                  # "postgresql+psycopg://…" for a server; else ledger.sqlite in the workspace
    key = "ledger.key"        # the private key that signs the ledger's heads; better kept elsewhere
    details_key = "details.key"  # the key that enciphers personal details; keep a copy elsewhere
    details_key_command = ""  # a command that prints that key (64 hex digits), in the place of the file
    anchors = ["anchors"]     # where signed heads go: folders, "mailto:…", "https://…", "qr:FOLDER"
    witnesses = []            # "URL KEY" of each witness that signs heads too
    head_hours = 24           # the newest signed head may be so old; 0: as old as it likes
    smtp = ""                 # "smtp://host:25"; without it, e-mails are written as .eml beside the ledger
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from becalm.formats.durable_files import write_durably
from becalm.terms import Borough, City, Fault, WorkspaceError
from becalm.workspace.reviewed_toml import Model, Strict

if TYPE_CHECKING:
    from tomlkit.items import Table

CONFIG = "becalm.toml"
EXAMPLES: Final = {
    "key": '"york"',
    "name": '"York"',
    "crs": '"EPSG:27700", in metres',
    "time_zone": '"Europe/London"',
}
UNITS_FILE: Final = "units.toml"  # what a workspace keeps of patrols
POLICY_FILE: Final = "patrol_policy.toml"
STREET_FILES: Final = ("streets.graphml", "streets.graphml.gz", "streets.geojson", "streets.geojson.gz")
GAZETTEER_FILE: Final = "gazetteer.csv"  # what places are called
WATER_FILE: Final = "water.geojson"  # rivers and docks as areas, for the map
OPENING: Final = (
    "A becalm workspace. Every entry is explained in docs/reference/settings.md;",
    "an entry that becalm does not know is refused, so that a typing mistake is found.",
)
COMMENTS: Final = {
    "city.crs": "in metres; records are projected into it on the way in",
    "city.time_zone": "days and hours are of this zone",
    "city.holidays": "country or subdivision of the holiday calendar",
    "city.extent_m": "west, south, east, north",
    "city.chosen": "only the default: the first records of another city may replace it",
    "ingest.max_reject_share": "a file with a greater share of rejected rows is refused whole",
    "archive.engine": 'or "spark", where records outgrow one machine',
    "brief": "the defaults of `becalm run`",
    "public": "counts below these are withheld from tables made for the public",
    "divert": "who hears at once when somebody sets a role aside in an emergency, and the contact in letters",
    "sustain": "what counts as normal, how many false alarms a year, and who hears of alarms",
    "web": "where the pages are reached, and how long a session lasts",
    "ledger": "its database, the key that signs its heads, and where signed heads are sent",
}


class BoroughEntry(Strict):
    """One [[city.boroughs]] entry."""

    name: str
    command_unit: str | None = None
    code: str | None = None


class CityEntry(Strict):
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


class IngestEntry(Strict):
    """The [ingest] table."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    keep_months: int = Field(default=72, ge=0)


class ArchiveEntry(Strict):
    """The [archive] table."""

    engine: Literal["duckdb", "spark"] = "duckdb"


class BriefEntry(Strict):
    """The [brief] table: the defaults of `becalm run`."""

    source: str | None = None
    hotspot_source: str | None = None
    by: str | None = None
    baselines: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    count: int | None = Field(default=None, ge=1)
    cell_m: float | None = Field(default=None, gt=0)


class PublicEntry(Strict):
    """The [public] table: which counts are too small to be published."""

    withheld_below: int = Field(default=5, ge=2)
    people_withheld_below: int = Field(default=10, ge=2)


class LedgerEntry(Strict):
    """The [ledger] table: which database keeps it, what signs its heads, and where those go."""

    url: str = ""
    key: str = "ledger.key"
    details_key: str = "details.key"
    details_key_command: str = ""
    anchors: tuple[str, ...] = ("anchors",)
    witnesses: tuple[str, ...] = ()
    head_hours: int = Field(default=24, ge=0)
    smtp: str = ""

    @classmethod
    def kept_in(cls, folder: str) -> Self:
        """Keys and signed heads in this folder."""
        return cls(
            key=f"{folder}/ledger.key", details_key=f"{folder}/details.key", anchors=(f"{folder}/heads",)
        )


class SustainEntry(Strict):
    """The [sustain] table: what counts as normal, how many false alarms are allowed, who hears of alarms."""

    reference: str = ""
    false_alarms_per_year: float = Field(default=1.0, gt=0, le=1000)
    single_share: float = Field(default=0.5, gt=0, lt=1)
    notify: tuple[str, ...] = ()


class DivertEntry(Strict):
    """The [divert] table: who hears of an emergency, and how people who get a letter reach somebody."""

    notify: tuple[str, ...] = ()
    contact: str = ""


class OidcEntry(Strict):
    """The [web.oidc] table: the provider that says who people are, and which roles its groups give.

    The secret is in the environment (BECALM_OIDC_SECRET) or in a file that its owner alone may read.
    """

    issuer: str = ""
    client: str = ""
    name: str = "your organisation"
    secret_file: str = ""
    account_claim: str = "preferred_username"
    roles_claim: str = "groups"
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class WebEntry(Strict):
    """The [web] table: where the pages are reached, and how long a session lasts."""

    url: str = ""
    session_minutes: int = Field(default=600, ge=5, le=1440)
    idle_minutes: int = Field(default=30, ge=5, le=480)
    oidc: OidcEntry = OidcEntry()


class Config(Strict):
    """becalm.toml."""

    city: CityEntry
    ingest: IngestEntry = IngestEntry()
    archive: ArchiveEntry = ArchiveEntry()
    brief: BriefEntry = BriefEntry()
    sustain: SustainEntry = SustainEntry()
    divert: DivertEntry = DivertEntry()
    ledger: LedgerEntry = LedgerEntry()
    public: PublicEntry = PublicEntry()
    web: WebEntry = WebEntry()


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
    def public_path(self) -> Path:
        """The tables that were made for the public, as they were published."""
        return self.path / "public"

    @property
    def mappings_path(self) -> Path:
        """Mappings that the user brought."""
        return self.path / "mappings"


def open_workspace(path: Path) -> Workspace:
    """Open the workspace in this folder."""
    config_path = path / CONFIG
    if not config_path.is_file():
        raise WorkspaceError(f"{path} is not a workspace: {_advise(path)}")
    workspace = Workspace(path, read_config(config_path))
    zone_name = workspace.city.time_zone
    try:
        ZoneInfo(zone_name)
    except (ValueError, KeyError, OSError) as error:  # days and hours would be counted in another one
        zone_problem = f"{zone_name!r} is not a time zone"
        fault = Fault("city.time_zone", zone_problem, 'write it as e.g. "Europe/London"')
        raise WorkspaceError(f"{config_path} has 1 fault", (fault,)) from error
    return workspace


def _advise(path: Path) -> str:
    """Why this is no workspace and what works instead: one close by, or a folder in which one can be made."""
    if path.exists() and not path.is_dir():
        return f"it is a file. Name the folder that holds its {CONFIG} with `workspace`."
    nearby_folders = [parent for parent in path.absolute().parents if (parent / CONFIG).is_file()][:1]
    nearby_folders += (
        [config_path.parent for config_path in sorted(path.glob(f"*/{CONFIG}"))] if path.is_dir() else []
    )
    if nearby_folders:
        folder_list_text = ", ".join(str(folder) for folder in nearby_folders[:3])
        return f"it has no {CONFIG}. Did you mean {folder_list_text}? Name it with `workspace`."
    is_free = not any((path / part).exists() for part in ("archive", "boundaries.geojson"))
    new_folder = path if is_free and path != Path() else path / "city"
    why_text = f"it has no {CONFIG}" if path.exists() else "there is no such folder"
    return (
        f"{why_text}. Make one with `becalm init {quote(str(new_folder))}`, or name another with `workspace`."
    )


def read_config(path: Path) -> Config:
    """Read and check a becalm.toml, reporting all its faults together."""
    return _parse_toml(Config, path.read_text("utf-8"), str(path))


def write_config(folder: Path, config: Config) -> None:
    """Write becalm.toml into this folder in one step."""
    write_durably(folder / CONFIG, config_text(config))


def config_text(config: Config) -> str:
    """becalm.toml as people read it, with a word on every entry.

    >>> city = CityEntry(key="york", name="York", crs="EPSG:27700", time_zone="Europe/London")
    >>> print(config_text(Config(city=city)).splitlines()[4])
    key = "york"
    """
    import tomlkit  # only a new or changed workspace needs it, not every command

    toml_document = tomlkit.document()
    for opening_line in OPENING:
        toml_document.add(tomlkit.comment(opening_line))
    toml_document.add(tomlkit.nl())
    entries_by_table = {
        "city": config.city.model_dump(exclude={"boroughs"}, exclude_none=True),
        "ingest": config.ingest.model_dump(),
        "archive": config.archive.model_dump(),
        "brief": config.brief.model_dump(exclude_defaults=True),
        "sustain": config.sustain.model_dump(exclude_defaults=True),
        "divert": config.divert.model_dump(exclude_defaults=True),
        "web": config.web.model_dump(exclude_defaults=True),
        "ledger": config.ledger.model_dump(exclude_defaults=True),
    }
    for table_name, table_entries in entries_by_table.items():
        if table_entries:
            toml_document.add(table_name, _toml_table(table_name, table_entries))
    borough_entries = [borough.model_dump(exclude_none=True) for borough in config.city.boroughs]
    toml = tomlkit.dumps(toml_document)
    # a city's many boroughs stand last, below what people change
    return f"{toml}\n{tomlkit.dumps({'city': {'boroughs': borough_entries}})}" if borough_entries else toml


def _toml_table(table_name: str, table_entries: dict[str, Any]) -> Table:
    import tomlkit

    toml_table = tomlkit.table()
    if table_name in COMMENTS:
        toml_table.comment(COMMENTS[table_name])
    for entry_name, entry_value in table_entries.items():
        toml_item = tomlkit.item(list(entry_value) if isinstance(entry_value, tuple) else entry_value)
        entry_comment = COMMENTS.get(f"{table_name}.{entry_name}", "")
        if entry_comment and not (entry_name == "chosen" and entry_value):
            toml_item.comment(entry_comment)
        toml_table.add(entry_name, toml_item)
    return toml_table


def read_city(name_or_path: str) -> CityEntry:
    """Read a city by the name of a shipped one ("london") or from a TOML file."""
    shipped_file = files("becalm.workspace") / "cities" / f"{name_or_path}.toml"
    city_file = shipped_file if "/" not in name_or_path and shipped_file.is_file() else Path(name_or_path)
    if not city_file.is_file():
        raise WorkspaceError(
            f"There is no city {name_or_path!r}: neither a file nor one of {', '.join(shipped_cities())}."
        )
    return _parse_toml(CityEntry, city_file.read_text("utf-8"), name_or_path)


def shipped_cities() -> tuple[str, ...]:
    """The names of the cities that come with becalm."""
    folder = files("becalm.workspace") / "cities"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def _parse_toml(model: type[Model], text: str, where: str) -> Model:
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{where} is not valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        faults = tuple(map(_entry_fault, error.errors()))
        fault_word = "fault" if len(faults) == 1 else "faults"
        raise WorkspaceError(f"{where} has {len(faults)} {fault_word}", faults) from error


def _entry_fault(error: ErrorDetails) -> Fault:
    entry_path, entry_value, key = ".".join(map(str, error["loc"])), error.get("input"), str(error["loc"][-1])
    if error["type"] == "missing":
        example_remedy = f"add it, e.g. {key} = {EXAMPLES[key]}" if key in EXAMPLES else "add it"
        return Fault(entry_path, "is missing", example_remedy)
    if error["type"] == "extra_forbidden" and entry_path == "city":
        city_remedy = "leave [city] out: a city file has its entries alone"
        return Fault("[city]", "is a table of becalm.toml", city_remedy)
    if error["type"] == "extra_forbidden":
        return Fault(entry_path, "is not a known entry", "correct its name, or remove it")
    return Fault(entry_path, f"{entry_value!r:.80}: {error['msg']}", "correct this entry")
