"""What the columns of a new file look like: types, values and offences; and the mapping in the making."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DAY_END, DictionaryColumn, dictionary_encode, numbers, parse_times
from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.mapping import plain_column
from becalm.methods.arrays import Bools, Floats, Ints, Times
from becalm.terms import OffenceTable, plain_word

ROWS_PROFILED: Final = 200_000
MOST_WORDS: Final = 2_000
TEXTS_TRIED: Final = 24
BAD_SHARE: Final = 0.02  # of a column's texts may be read by no format: a slip, not another format
DAY_FORMATS: Final = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d.%m.%Y", "%Y%m%d", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y",
    "%d.%m.%y",
)  # fmt: skip
CLOCK_FORMATS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%I %p")
MINUTE_FORMATS: Final = tuple(f"{d}{joint}{c}" for c in CLOCK_FORMATS for d in DAY_FORMATS for joint in " T")
OFFSET_FORMATS: Final = tuple(
    f"{d}{joint}{c}%z" for c in CLOCK_FORMATS for d in ("%Y-%m-%d", "%Y/%m/%d") for joint in "T "
)
MONTH_FORMATS: Final = ("%Y-%m", "%Y%m", "%m/%Y", "%b-%Y", "%b %Y", "%B %Y", "%b-%y")
PRECISIONS: Final = (
    (OFFSET_FORMATS, "minute", True),
    (MINUTE_FORMATS, "minute", False),
    (DAY_FORMATS, "day", False),
    (CLOCK_FORMATS, "clock", False),
    (MONTH_FORMATS, "month", False),
)
DATE_LIKE: Final = re.compile(
    r"\d{1,4}[-/.]\w{1,9}[-/.]\d{1,4}|\d{8}$|\d{4}-?\d{2}$|\w{3}-\d{2,4}$|\d{1,2} \w{3,9} \d{4}"
    r"|\w{3,9} (\d{1,2}, )?\d{4}|\d{1,2}:\d\d|\d{1,2} ?[ap]m$",
    re.IGNORECASE,
)
TIME_NAME: Final = re.compile(r"date|time|occur|commit|when|from|start|(^|_)(dt|tm)($|_)|hhmm")
SERIAL_RANGES: Final = (  # numbers that may be times, and what they count
    (30_000, 60_000, "excel serial"),
    (900_000_000, 2_200_000_000, "unix seconds"),
    (900_000_000_000, 2_200_000_000_000, "unix milliseconds"),
)
LIKELY_TABLES: Final = ("mps", "police_uk", "simulated_city")  # words that forces use
OFFENDER: Final = re.compile(r"offender|suspect|perp|accused|defendant|arrest|culprit|prisoner|(^|_)off_")
COLUMN_NAMES: Final = {
    "occurred_from": r"occur|commit|from|(^|_)fr(_|$)|start|^dt$|date|time|when",
    "occurred_to": r"(occur|commit).*(to|end|until|last)|(^|_)(to|end)(_|$)",
    "recorded_on": r"record|report|creat|enter|input|rpt",
    "hour": r"hour|(^|_)hr(_|$)",
    "id": r"(^|[_\W])(id|ref|reference|number|num|no|key|urn|crn)([_\W]|$)|crime_?ref|case|objectid",
    "borough": r"boro(ugh)?|district_?name|lad_?name|local_?authority",
    "ward": r"ward|neighbou?rhood|beat",
    "lsoa": r"lsoa",
    "command_unit": r"command|bcu|(^|_)unit|precinct|division|district",
    "found_by": r"found_?by|discover",
    "weapon": r"weapon",
    "injury": r"injur",
    "victim_age": r"vic\w*_?age|(^|_)age_?(band|range|group|grp)?$",
    "outcome": r"outcome|disposal|status",
    "count": r"(^|_)(\w*counts?|cnt|total|n|freq\w*|num(ber)?_of_\w+|incidents|offences|crimes)($|_)",
    "measure": r"^measure$",
    "year": r"(^|_)(year|yr)($|_)",
    "month": r"(^|_)(month|mon|mth)($|_)",
    "day": r"(^|_)day($|_of_month)",
}


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column as it looks.

    `formats` together read its texts but for `bad_count`; each of `rival_formats` reads as many alone.
    `precision` is minute, day, clock (a time without a day), month or none.
    """

    column: str
    kind: str  # the type in the file
    distinct_count: int
    blank_share: float
    samples: tuple[str, ...]
    formats: tuple[str, ...] = ()
    rival_formats: tuple[str, ...] = ()
    precision: str = ""
    has_offset: bool = False
    bad_count: int = 0
    number_share: float = 0.0
    low: float = float("nan")
    high: float = float("nan")

    @property
    def plain_name(self) -> str:
        """Its name as it is compared: in lower case, with underscores for spaces."""
        return plain_column(self.column).replace(" ", "_")

    @property
    def is_of_offender(self) -> bool:
        """Does it describe the offender, who is not the victim?"""
        return OFFENDER.search(self.plain_name) is not None


@dataclass(frozen=True, slots=True)
class OffenceFit:
    """How well columns fit an offence table: the share of rows it knows, and the words it does not."""

    table: str
    columns: tuple[str, ...]
    share: float
    unknown_words: tuple[str, ...]


@dataclass
class Draft:
    """The mapping in the making; a column is used once."""

    sheet: Sheet
    profiles: tuple[ColumnProfile, ...]
    tables: Mapping[str, OffenceTable]
    locator: Locator
    name: str  # of the mapping, made of the file's name
    city_text: str | None = None  # a city file, where the records are not of the workspace's city
    used_columns: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)

    @property
    def file_words(self) -> str:
        """The words of the file's name."""
        return " ".join(re.findall(r"[a-z0-9]+", self.sheet.name.split(".")[0].casefold()))

    def free_profiles(self) -> Iterator[ColumnProfile]:
        """Columns that nothing uses yet."""
        return (profile for profile in self.profiles if profile.column not in self.used_columns)

    def use_column(
        self, part: str, candidates: Sequence[ColumnProfile] | None = None
    ) -> ColumnProfile | None:
        """Use the first free column (of these candidates) whose name says that it is this part.

        What describes an offender is never taken for the victim or the crime.
        """
        for profile in self.free_profiles():
            is_candidate = (candidates is None or profile in candidates) and not profile.is_of_offender
            if is_candidate and re.search(COLUMN_NAMES[part], profile.plain_name):
                self.used_columns.add(profile.column)
                return profile
        return None


def profile_column(sheet: Sheet, column: str) -> ColumnProfile:
    """What does this column hold, judged by its type and its first rows?"""
    column_cells = first_rows(sheet, column)
    column_words, arrow_type = dictionary_encode(column_cells), str(column_cells.type)
    blank_share = float(column_words.is_blank.mean()) if len(column_cells) else 1.0
    column_profile = ColumnProfile(
        column, arrow_type, len(column_words.values), blank_share, column_words.values[:3]
    )
    if pa.types.is_timestamp(column_cells.type) or pa.types.is_date(column_cells.type):
        time_precision = "day" if pa.types.is_date(column_cells.type) else "minute"
        has_offset = getattr(column_cells.type, "tz", None) is not None
        return replace(column_profile, precision=time_precision, has_offset=has_offset)
    floats, is_bad_number = numbers(column_cells)
    is_filled_cell = ~column_words.is_blank
    number_share = float((is_filled_cell & ~is_bad_number).sum() / max(is_filled_cell.sum(), 1))
    if np.isfinite(floats).any():
        low, high = float(np.nanmin(floats)), float(np.nanmax(floats))
        column_profile = replace(column_profile, number_share=number_share, low=low, high=high)
    if number_share > 1 - BAD_SHARE and (number_format := _number_format(column_profile, floats)):
        time_precision = "clock" if number_format == "%H%M" else "minute"
        return replace(column_profile, formats=(number_format,), precision=time_precision)
    return _with_time_formats(column_profile, column_words)


def _number_format(profile: ColumnProfile, floats: Floats) -> str | None:
    """Which time does a column of numbers hold, if its name says that it holds one?"""
    if not TIME_NAME.search(profile.plain_name):
        return None
    for low, high, time_format in SERIAL_RANGES:
        if low <= profile.low and profile.high <= high:
            return time_format
    whole_numbers = floats[np.isfinite(floats)]
    is_clock_time = 24 < profile.high < 2400 and profile.low >= 0 and (whole_numbers % 100 < 60).all()
    return "%H%M" if is_clock_time and (whole_numbers % 1 == 0).all() else None


def first_rows(sheet: Sheet, column: str) -> pa.ChunkedArray:
    """The cells that a column is judged by."""
    return sheet.data[column].slice(0, ROWS_PROFILED)


def _with_time_formats(profile: ColumnProfile, column_words: DictionaryColumn) -> ColumnProfile:
    """The column with the formats that read its texts, and how exact they are."""
    distinct_texts = column_words.values[:MOST_WORDS]
    row_counts = np.bincount(column_words.codes[~column_words.is_blank], minlength=len(distinct_texts))[
        : len(distinct_texts)
    ]
    most_bad = BAD_SHARE * row_counts.sum()
    if (
        not distinct_texts
        or sum(row_counts[[not DATE_LIKE.match(text) for text in distinct_texts]]) > most_bad
    ):
        return profile
    tried_texts = [
        distinct_texts[i]
        for i in np.linspace(0, len(distinct_texts) - 1, min(TEXTS_TRIED, len(distinct_texts))).astype(int)
    ]
    best_profile, least_bad = profile, int(most_bad) + 1
    for formats, time_precision, has_offset in PRECISIONS:
        bad_masks = {}
        for time_format in formats:
            if not any(_is_read(text, time_format) for text in tried_texts):
                continue  # most formats: Python is faster here than parsing whole columns
            bad_masks[time_format] = np.isnat(parse_times(distinct_texts, (time_format,), offset=has_offset))
        used_formats, bad_count = _cover_texts(bad_masks, row_counts)
        if bad_count < least_bad:
            least_bad = bad_count
            rival_formats = tuple(
                f
                for f, is_bad in bad_masks.items()
                if f not in used_formats and row_counts[is_bad].sum() == bad_count
            )
            best_profile = replace(
                profile,
                formats=used_formats,
                rival_formats=rival_formats,
                precision=time_precision,
                has_offset=has_offset,
                bad_count=bad_count,
            )
    return best_profile


def _is_read(text: str, time_format: str) -> bool:
    text = re.sub(DAY_END, "00:00", text)
    if time_format.endswith("%z"):
        text = re.sub(r"([+-]\d\d)$", r"\1:00", text)
    try:
        datetime.strptime(text, time_format)  # noqa: DTZ007  # only whether it can be read
    except ValueError:
        return False
    return True


def _cover_texts(bad_masks: Mapping[str, Bools], row_counts: Ints) -> tuple[tuple[str, ...], int]:
    """The fewest formats that read what can be read, the best first; and how many rows none of them reads."""
    used_formats: list[str] = []
    is_bad = np.ones(len(row_counts), dtype=np.bool_)
    while bad_masks:
        best_format = min(
            bad_masks, key=lambda time_format: int(row_counts[bad_masks[time_format] & is_bad].sum())
        )
        still_bad = bad_masks[best_format] & is_bad
        least_gain = BAD_SHARE * row_counts.sum() if used_formats else 0  # a slip does not make a format
        if row_counts[is_bad].sum() - row_counts[still_bad].sum() <= least_gain:
            break
        used_formats.append(best_format)
        is_bad = still_bad
    return tuple(used_formats), int(row_counts[is_bad].sum())


def local_times(sheet: Sheet, profile: ColumnProfile) -> Times:
    """The column's times as the file writes them, blanks left out."""
    column_cells = first_rows(sheet, profile.column)
    if pa.types.is_timestamp(column_cells.type) or pa.types.is_date(column_cells.type):
        typed_times = column_cells.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
    else:
        column_words = dictionary_encode(column_cells)
        distinct_times = parse_times(column_words.values, profile.formats, offset=profile.has_offset)
        typed_times = np.append(distinct_times, np.datetime64("NaT", "s"))[column_words.codes]
    return np.asarray(typed_times[~np.isnat(typed_times)])


def rank_offence_fits(draft: Draft) -> tuple[OffenceFit, ...]:
    """Which columns hold offences, and by which offence table? Best first."""
    offence_fits = []
    group_by_word = {table_key: table.by_word() for table_key, table in draft.tables.items()}
    for profile in draft.profiles:
        if not _may_be_offence(profile) or profile.number_share > 0.5:
            continue
        column_words = dictionary_encode(first_rows(draft.sheet, profile.column))
        row_count_of_word = np.bincount(
            column_words.codes[~column_words.is_blank], minlength=len(column_words.values)
        )
        plain_words = [plain_word(word) for word in column_words.values]
        for table_key, group_of_word in group_by_word.items():
            is_known_word = np.array([word in group_of_word for word in plain_words])
            known_row_share = float(row_count_of_word[is_known_word].sum() / max(row_count_of_word.sum(), 1))
            if known_row_share:
                words_with_mask = zip(column_words.values, is_known_word, strict=True)
                unknown_words = tuple(word for word, is_known in words_with_mask if not is_known)
                offence_fits.append(OffenceFit(table_key, (profile.column,), known_row_share, unknown_words))
    # of tables that fit as well, the city's own comes first, and those of another city last
    likely_tables = [draft.locator.city.key, *LIKELY_TABLES]
    table_rank_by_key = {table_key: likely_tables.index(table_key) for table_key in set(likely_tables)}
    return tuple(
        sorted(
            offence_fits,
            key=lambda fit: (-fit.share, table_rank_by_key.get(fit.table, len(table_rank_by_key))),
        )
    )


def _may_be_offence(profile: ColumnProfile) -> bool:
    return 1 <= profile.distinct_count <= MOST_WORDS and not profile.precision and not profile.is_of_offender


def find_finer_column(draft: Draft, best: OffenceFit) -> str | None:
    """A second free column that, joined to the offence, is known to the table as well."""
    coarse_words = dictionary_encode(first_rows(draft.sheet, best.columns[0]))
    group_by_word = draft.tables[best.table].by_word()
    for profile in draft.free_profiles():
        if not _may_be_offence(profile):
            continue
        fine_words = dictionary_encode(first_rows(draft.sheet, profile.column))
        code_pairs = pd.DataFrame({"coarse": coarse_words.codes, "fine": fine_words.codes}).drop_duplicates()
        code_pairs = code_pairs[(code_pairs >= 0).all(axis=1)]
        joint_texts = (
            f"{coarse_words.values[a]} / {fine_words.values[b]}"
            for a, b in code_pairs.itertuples(index=False)
        )
        if any(plain_word(joined_word) in group_by_word for joined_word in joint_texts):
            return profile.column
    return None
