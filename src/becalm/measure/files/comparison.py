"""A comparison as files that other programs read, and as text for a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Final

from becalm.measure.core.comparison import ROW_KEYS, Comparison, ComparisonRow, Record
from becalm.measure.files import sentences
from becalm.render import number_format
from becalm.render.spreadsheet import csv_text

CSV_COLUMNS: Final = ("baseline", *ROW_KEYS, "label", "overdispersion", "notes")
TEXT_COLUMNS: Final = ("Group", "Before", "Now", "Change", "Interval", "Verdict")
POLICE_MARK: Final = "†"


def comparison_record(comparison: Comparison) -> Record:
    """The comparison as other programs read it, with its first sentence, so that none passes it by."""
    return {**comparison.as_record(), "headline": sentences.headline(comparison)}


def comparison_rows(comparison: Comparison) -> Iterator[dict[str, object]]:
    """Every group against every baseline, one row each, the total first; empty where nothing is given."""
    for contrast in comparison.against:
        for row in contrast.all_rows:
            doubt_sentences = (sentences.baselines_disagree(comparison),) if row is contrast.total else ()
            notes_text = "; ".join(filter(None, (*doubt_sentences, *row.notes)))
            yield {**row.as_record(), "notes": notes_text, "baseline": contrast.baseline.label}


def comparison_csv(comparison: Comparison) -> str:
    """The rows as a csv."""
    csv_rows = ([row[column_name] for column_name in CSV_COLUMNS] for row in comparison_rows(comparison))
    return csv_text(CSV_COLUMNS, csv_rows)


def comparison_lines(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """The groups as lines of a table, under TEXT_COLUMNS."""
    for row in comparison.all_rows:
        if row.is_withheld:
            yield (_group_name(row), *("withheld",) * 2, *(number_format.NO_VALUE,) * 3)
            continue
        yield (
            _group_name(row),
            sentences.old_count(row.old),
            number_format.whole(row.new),
            *change_cells(row),
            sentences.verdict_words(row, comparison.level),
        )


def side_by_side(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """The change of each group against each baseline, under the baselines' labels."""
    rows_by_group_of_contrast = [{row.group: row for row in c.all_rows} for c in comparison.against]
    for row in comparison.all_rows:
        yield (_group_name(row), *(change_cells(table[row.group])[0] for table in rows_by_group_of_contrast))


def opening_sentences(comparison: Comparison) -> tuple[str, str]:
    """What happened and how sure that is, in two sentences."""
    return sentences.headline(comparison), sentences.how_sure(comparison)


def small_print(comparison: Comparison) -> Iterator[str]:
    """What stands under the table: where it comes from, how it was made, what to beware of."""
    main_row, level_text = comparison.all_rows[0], f"{comparison.level * 100:.3g}%"
    yield f"Source {comparison.source}, records as of {comparison.as_of}."
    interval_text = (
        ""
        if comparison.missing_months
        else f" Interval: {level_text}. {main_row.label} by {main_row.method}."
    )
    yield (
        f"Before: {sentences.baseline_name(comparison.baseline)} ({comparison.baseline.alignment}). "
        f"Now: {number_format.period(comparison.period)}.{interval_text}"
    )
    yield from filter(None, (sentences.noise_sentence(comparison),))
    yield (
        "Unclear: chance alone could explain the change, after allowing for the number of groups compared. "
        "×: ratio, where the baseline is too small for a percentage."
    )
    if any(row.found_by == "police" for row in comparison.rows):
        yield f"{POLICE_MARK} found by police: a measure of police work."
    yield from (f"Warning: {warning}" for warning in comparison.warnings)


def _group_name(row: ComparisonRow) -> str:
    return f"{row.label} {POLICE_MARK}" if row.found_by == "police" and row.group != "total" else row.label


def change_cells(row: ComparisonRow) -> tuple[str, str]:
    """The change and its interval: in per cent, else as a ratio, else nothing but the difference."""
    low_percent, high_percent = row.change_low_percent, row.change_high_percent
    if row.change_percent is not None and low_percent is not None and high_percent is not None:
        return number_format.percent(
            row.change_percent
        ), f"{number_format.percent(low_percent)} to {number_format.percent(high_percent)}"
    if row.ratio is not None:
        return _ratio_words(row.ratio), f"{_ratio_words(row.low)} to {_ratio_words(row.high)}"
    if not row.low:
        return number_format.NO_VALUE, number_format.NO_VALUE
    return number_format.with_sign(row.difference), f"{_ratio_words(row.low)} or more"


def _ratio_words(ratio: float) -> str:
    """The ratio with as many decimals as a reader can use."""
    return f"×{ratio:.2f}" if ratio < 10 else f"×{ratio:.1f}" if ratio < 100 else f"×{ratio:,.0f}"
