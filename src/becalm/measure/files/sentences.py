"""What the figures say, in whole sentences that claim no more than the figures do."""

import math

from becalm.measure.core.baseline import Baseline
from becalm.measure.core.comparison import Comparison, ComparisonRow
from becalm.render import number_format
from becalm.terms import HotspotList


def baseline_name(baseline: Baseline) -> str:
    """The baseline as a reader would call it."""
    if len(baseline.windows) == 1:
        return number_format.period(baseline.windows[0])
    year_texts = sorted(str(window.start.year) for window in baseline.windows)
    return f"the {baseline.label} ({number_format.join_words(year_texts)})"


def what_happened(row: ComparisonRow, level: float) -> str:
    """Fell, rose, or neither beyond chance; with the percentage where one is allowed."""
    row_verdict = row.verdict(level)
    if row.change_percent is None:
        verdict_verb = {"fall": "fell", "rise": "rose", "unclear": "went"}[row_verdict]
        reason_text = "with months missing" if row.ratio is None and row.old else "too few for a percentage"
        return f"{verdict_verb} from {old_count(row.old)} to {number_format.whole(row.new)}, {reason_text}"
    counts_text = f"({old_count(row.old)} → {number_format.whole(row.new)})"
    size_text = f"{abs(row.change_percent):.1f}%"
    if row_verdict == "unclear":
        return (
            f"changed by {number_format.percent(row.change_percent)}, interval {interval(row)} {counts_text}"
        )
    return (
        f"fell by {size_text} {counts_text}"
        if row_verdict == "fall"
        else f"rose by {size_text} {counts_text}"
    )


def headline(comparison: Comparison) -> str:
    """The first sentence of the briefing: what happened, and before it what must be known to believe that."""
    months_text = number_format.join_words(comparison.doubtful_months)
    doubt_text = f"Check the records of {months_text} first: they look incomplete. " if months_text else ""
    return doubt_text + (baselines_disagree(comparison) or _main_change(comparison))


def baselines_disagree(comparison: Comparison) -> str:
    """Where baselines lead to different answers, all of them in one sentence; else nothing."""
    baselines_with_totals = [
        (c.baseline, c.total) for c in comparison.against if c.total and c.total.change_percent is not None
    ]
    distinct_verdicts = {row.verdict(comparison.level) for _, row in baselines_with_totals}
    if (
        len(distinct_verdicts) < 2
        and len({row.ratio is not None and row.ratio < 1.0 for _, row in baselines_with_totals}) < 2
    ):
        return ""
    answer_texts = [
        f"{abs(row.change_percent or 0.0):.1f}% {'below' if (row.ratio or 0.0) < 1.0 else 'above'} "
        f"{baseline_name(baseline)} ({verdict_words(row, comparison.level).lower()})"
        for baseline, row in baselines_with_totals
    ]
    return (
        f"The answer depends on the baseline: {_counted_noun(comparison).lower()} in "
        f"{number_format.period(comparison.period)} were {number_format.join_words(answer_texts)}."
    )


def _main_change(comparison: Comparison) -> str:
    """How the total changed against the first baseline; where there is none, the first of the groups."""
    main_row = comparison.all_rows[0]
    counted_noun = _counted_noun(comparison) if comparison.total else main_row.label
    new_name, old_name = number_format.period(comparison.period), baseline_name(comparison.baseline)
    is_about_days = not comparison.period.is_whole_months and len(comparison.baseline.windows) == 1
    new_time, old_time = (f"({name})" if is_about_days else f"in {name}" for name in (new_name, old_name))
    counts_text = (
        f"from {old_count(main_row.old)} {old_time} to {number_format.whole(main_row.new)} {new_time}"
    )
    if comparison.missing_months:
        months_text = number_format.join_words(comparison.missing_months)
        return (
            f"No comparison is possible: there are no records of {months_text}. The counts go {counts_text}."
        )
    if main_row.change_percent is None:
        return f"{counted_noun} went {counts_text}: too few for a percentage."
    main_verdict, size_text = main_row.verdict(comparison.level), f"{abs(main_row.change_percent):.1f}%"
    if main_verdict == "unclear":
        change_text = number_format.percent(main_row.change_percent)
        return f"{counted_noun} changed by {change_text}, which chance alone may explain: {counts_text}."
    return f"{counted_noun} {'fell' if main_verdict == 'fall' else 'rose'} by {size_text}: {counts_text}."


def _counted_noun(comparison: Comparison) -> str:
    """What was counted, as a sentence begins with it."""
    return (
        "Recorded offences" if comparison.counted_unit == "offences" else f"Counted {comparison.counted_unit}"
    )


def how_sure(comparison: Comparison) -> str:
    """The interval of the headline, in words."""
    main_row = comparison.all_rows[0]
    low, high = main_row.change_low_percent, main_row.change_high_percent
    if comparison.missing_months:
        return "Months that were not loaded look like a fall. Ingest them first."
    if low is None or high is None:
        return "With so few records no percentage is given; the counts themselves are in the table."
    against_text = (
        f"Against {baseline_name(comparison.baseline)}, the" if baselines_disagree(comparison) else "The"
    )
    interval_text = f"{against_text} {comparison.level * 100:.3g}% interval"
    if not math.isfinite(high):
        return f"{interval_text} begins at {number_format.percent(low)} and has no upper end."
    if high < 0:
        return f"{interval_text} for the fall runs from {-high:.1f}% to {-low:.1f}%."
    if low > 0:
        return f"{interval_text} for the rise runs from {low:.1f}% to {high:.1f}%."
    return (
        f"{interval_text} runs from {number_format.percent(low)} to {number_format.percent(high)}: "
        "it holds both a fall and a rise."
    )


def noise_sentence(comparison: Comparison) -> str | None:
    """Which years the noise was learned from, which were left out, and why; None without enough history."""
    noise_basis = comparison.noise
    if noise_basis is None:
        return None
    learned_text = number_format.join_words([number_format.period(span) for span in noise_basis.learned_from])
    left_out_texts = [f"{number_format.period(span)} ({reason})" for span, reason in noise_basis.left_out]
    left_out_text = f" Left out: {'; '.join(left_out_texts)}." if left_out_texts else ""
    shift_list = number_format.join_words([str(shift) for shift in noise_basis.shifts])
    shift_text = (
        f" The level shifted in {shift_list}; no interval counts that as noise." if shift_list else ""
    )
    return (
        f"Noise of the total was learned from {learned_text}; its level drifts by about "
        f"{noise_basis.drift_percent:.2g}% a year.{shift_text}{left_out_text}"
    )


def interval(row: ComparisonRow) -> str:
    """The interval of a change, in per cent."""
    low_percent, high_percent = row.change_low_percent, row.change_high_percent
    if low_percent is None or high_percent is None:
        return number_format.NO_VALUE
    return f"{number_format.percent(low_percent)} to {number_format.percent(high_percent)}"


def old_count(value: float) -> str:
    """A baseline count, with a decimal only where it is a mean."""
    return number_format.whole(value) if float(value).is_integer() else number_format.decimal(value, 1)


def verdict_words(row: ComparisonRow, level: float) -> str:
    """The verdict as the table says it."""
    return {"fall": "Fall", "rise": "Rise", "unclear": "Unclear"}[row.verdict(level)]


def memory_sentence(hotspots: HotspotList) -> str:
    """How long does a place remember, in one sentence?"""
    half_life_months = hotspots.half_life_months
    if not math.isfinite(half_life_months):
        return "Old and new records of a place count the same; no shorter memory fitted these records better."
    return (
        f"A record loses half its weight every {half_life_months:g} months. That length was fitted to these "
        "records."
    )


def certainty_sentence(hotspots: HotspotList) -> str:
    """How sure is the list, in one sentence?"""
    n = len(hotspots.hotspots)
    mean_p_top = hotspots.mean_p_top
    return (
        f"On average a listed place belongs to the true first {n} with probability {mean_p_top:.2f}. "
        "The list is the best estimate from these records."
    )


def describe_choices(
    default_choices: tuple[str, ...], comparison: Comparison, hotspots: HotspotList | None
) -> tuple[str, ...]:
    """What was chosen because nobody asked for anything else, in sentences."""
    sentence_by_choice = {
        "period": f"The period: {number_format.period(comparison.period)}, the newest month on record whole.",
        "baselines": f"The baseline: {baseline_name(comparison.baseline)}, and others beside it.",
        "source": f"The records compared: {comparison.source}, the only ones there are.",
    }
    if hotspots:
        offence_list_text = number_format.join_words([group.replace("_", " ") for group in hotspots.target])
        sentence_by_choice["hotspot_source"] = f"The records searched for hotspots: {hotspots.source}."
        sentence_by_choice["target"] = f"The hotspots are of all street violence: {offence_list_text}."
        sentence_by_choice["cell_m"] = f"The size of a place: squares of {hotspots.cell_m:g} m."
        sentence_by_choice["count"] = f"The length of the list: at most {len(hotspots.hotspots)} places."
    return tuple(sentence_by_choice[name] for name in default_choices if name in sentence_by_choice)


def comparison_notes(comparison: Comparison) -> tuple[str, ...]:
    """What must be said below the table of a comparison: suppressed percentages first, together."""
    if comparison.missing_months:
        missing_months_text = number_format.join_words(comparison.missing_months)
        return (f"No change is given: there are no records of {missing_months_text}.",)
    small_labels = [row.label for row in comparison.all_rows if row.change_percent is None]
    note_texts = (
        [f"No percentage is given where the baseline is too small: {number_format.join_words(small_labels)}."]
        if small_labels
        else []
    )
    note_texts += [
        f"{row.label}: {note}."
        for row in comparison.all_rows
        for note in row.notes
        if row.found_by != "police" and row.change_percent is not None
    ]
    return tuple(note_texts)
