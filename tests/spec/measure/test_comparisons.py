"""What a comparison says, by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from becalm.measure import ComparisonContext, compare_baselines, compare_periods, outside_total, pick_groups
from becalm.measure.core.baseline import Baseline, choose_baselines
from becalm.measure.core.comparison import Comparison
from becalm.measure.core.request import CompareSettings
from becalm.measure.files.comparison import comparison_lines, comparison_record, comparison_rows
from becalm.measure.files.sentences import headline, how_sure, noise_sentence
from becalm.tables import CountTable, count_incidents
from becalm.terms import Gap, OffenceGroup, Period, QuestionError, parse_period

APRIL_2020, APRIL_2019, APRIL_2018 = (Period(date(y, 4, 1), date(y, 5, 1)) for y in (2020, 2019, 2018))


def compare_april(incidents, by="offence_group", **settings) -> Comparison:
    counts = count_incidents(incidents, by=by, unit="month")
    return compare_periods(
        counts, period=APRIL_2020, baseline=APRIL_2019, settings=CompareSettings(**settings)
    )


def april_on_april(incidents):
    """How many of each group in April 2019 and April 2020?"""
    return {row.group: (row.old, row.new) for row in compare_april(incidents).rows}


def april_percentages(incidents):
    """By how many per cent did each group change, and why is none given?"""
    comparison = compare_april(incidents)
    rows = (comparison.total, *comparison.rows)
    return {row.group: (row.change_percent, row.notes) for row in rows}


def april_ratios(incidents):
    """What is the ratio of April 2020 to April 2019, and its interval?"""
    return {r.group: (r.ratio, round(r.low, 3), round(r.high, 3)) for r in compare_april(incidents).rows}


def april_by_borough(incidents):
    """How many in each borough in April 2019 and April 2020?"""
    return {row.group: (row.old, row.new) for row in compare_april(incidents, by="borough").rows}


def april_finders(incidents):
    """Who found the offences of each group?"""
    return {row.group: (row.found_by, row.notes[-1:]) for row in compare_april(incidents).rows}


def test_a_group_absent_from_the_baseline_is_reported_not_dropped(spec):
    spec(
        incidents="""
        day        | offence_group
        2019-04-02 | robbery
        2020-04-02 | robbery
        2020-04-03 | firearm
        """,
        question=april_on_april,
        answer={"firearm": (0, 1), "robbery": (1, 1)},
    )


def test_a_group_absent_from_the_period_is_reported_not_dropped(spec):
    spec(
        incidents="""
        day        | offence_group
        2019-04-02 | robbery
        2019-04-03 | burglary
        2020-04-02 | robbery
        """,
        question=april_on_april,
        answer={"burglary": (1, 0), "robbery": (1, 1)},
    )


def test_a_group_absent_from_both_windows_is_not_shown(spec):
    spec(
        incidents="""
        day        | offence_group
        2019-04-02 | robbery
        2019-08-03 | burglary
        2020-04-02 | robbery
        """,
        question=april_on_april,
        answer={"robbery": (1, 1)},
    )


def test_the_first_and_last_day_of_a_month_are_counted_and_the_next_is_not(spec):
    spec(
        incidents="""
        day        | offence_group
        2019-03-31 | robbery
        2019-04-01 | robbery
        2019-04-30 | robbery
        2019-05-01 | robbery
        2020-04-30 | robbery
        """,
        question=april_on_april,
        answer={"robbery": (2, 1)},
    )


def test_records_of_whole_months_answer_questions_about_months(spec):
    spec(
        incidents="""
        month   | offence_group | times
        2019-04 | robbery       | 3
        2020-04 | robbery       | 1
        """,
        question=april_on_april,
        answer={"robbery": (3, 1)},
    )


def test_a_percentage_of_a_small_baseline_is_withheld_with_its_reason(spec):
    too_few = ("no percentage: the baseline of 4 is below 50",)
    spec(
        incidents="""
        month   | offence_group | times
        2019-04 | robbery       | 60
        2020-04 | robbery       | 45
        2019-04 | homicide      | 4
        2020-04 | homicide      | 6
        """,
        question=april_percentages,
        answer={"total": (-20.3125, ()), "homicide": (None, too_few), "robbery": (-25.0, ())},
    )


def test_a_baseline_of_nothing_has_no_ratio_but_a_lower_limit(spec):
    spec(
        incidents="""
        month   | offence_group | times
        2019-04 | robbery       | 1
        2020-04 | firearm       | 3
        """,
        question=april_ratios,
        answer={"firearm": (None, 0.583, float("inf")), "robbery": (0.0, 0.0, 19.0)},
    )


def test_records_without_a_borough_are_counted_as_unknown(spec):
    spec(
        incidents="""
        month   | borough | times
        2019-04 | Camden  | 2
        2020-04 | Camden  | 1
        2020-04 |         | 1
        """,
        question=april_by_borough,
        answer={"Camden": (2, 1), "unknown": (0, 1)},
    )


def test_what_police_find_is_marked_as_police_work(spec):
    spec(
        incidents="""
        month   | offence_group | found_by
        2019-04 | drugs         | police
        2020-04 | drugs         | police
        2019-04 | robbery       | victim
        """,
        question=april_finders,
        answer={
            "drugs": ("police", ("found by police: measures police work, not harm",)),
            "robbery": ("victim", ("no percentage: the baseline of 1 is below 50",)),
        },
    )


def months_of(groups, first="2010-04", n=122):
    year, month = int(first[:4]), int(first[5:])
    times = tuple(date(year + (month - 1 + i) // 12, (month - 1 + i) % 12 + 1, 1) for i in range(n))
    return CountTable(
        by="offence_group",
        unit="month",
        groups=tuple(groups),
        times=times,
        counts=np.array(list(groups.values()), dtype=np.int64),
        found_by=("victim",) * len(groups),
        source="drawn",
        as_of=date(2020, 6, 8),
    )


def noisy(mean, phi, n=122, seed=7):
    draw = np.random.default_rng(seed)
    return draw.poisson(mean, n) if phi == 1 else draw.negative_binomial(mean / (phi - 1), 1 / phi, n)


def test_an_interval_is_wider_where_the_group_varies_more_than_chance_by_itself():
    calm, wild = noisy(400, 1), noisy(400, 8)
    wild[[108, 120]] = calm[[108, 120]]  # the same two Aprils
    found = compare_periods(months_of({"calm": calm, "wild": wild}), period=APRIL_2020, baseline=APRIL_2019)
    rows = {row.group: row for row in found.rows}
    assert (rows["calm"].new, rows["calm"].old) == (rows["wild"].new, rows["wild"].old)
    assert rows["calm"].overdispersion < 2
    assert 5 < rows["wild"].overdispersion < 12
    for row in rows.values():  # of two counts that vary phi times as much as Poisson's, to first order
        half_width = 1.96 * np.sqrt(row.overdispersion * (1 / row.new + 1 / row.old))
        assert np.log(row.high / row.low) / 2 == pytest.approx(half_width, rel=0.03)
        assert row.low < row.ratio < row.high
    assert rows["wild"].method.endswith("from 59 months")


@pytest.mark.parametrize(
    ("p", "q", "low", "high", "verdict"),
    [
        *((0.01, None, 1.1, 1.5, "rise"), (0.01, None, 0.5, 0.9, "fall"), (0.01, None, 0.9, 1.1, "unclear")),
        *(
            (0.05, None, 1.1, 1.5, "rise"),
            (0.051, None, 1.1, 1.5, "unclear"),
            (0.01, 0.06, 1.1, 1.5, "unclear"),
        ),
        *((0.06, 0.04, 0.5, 0.9, "fall"), (None, None, 1.1, 1.5, "unclear")),
        *((0.01, None, 1.0, 1.5, "unclear"), (0.01, None, 0.5, 1.0, "unclear")),
    ],
)
def test_a_verdict_needs_a_small_p_corrected_and_an_interval_on_one_side(p, q, low, high, verdict):
    counts = months_of({"theft": noisy(400, 1)})
    row = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019).rows[0]
    assert type(row.old) is int  # a count of one year, no mean
    row = replace(row, p_value=p, q_value=q, low=low, high=high, change_percent=5.0)
    assert row.verdict(0.95) == verdict
    assert (row.change_low_percent, row.change_high_percent) == (100 * (low - 1.0), 100 * (high - 1.0))
    assert replace(row, change_percent=None).change_high_percent is None


def test_a_fall_that_began_before_the_period_is_not_taken_for_noise():
    history = noisy(4_000, 4)
    fallen = history.copy()
    fallen[[118, 119]] = fallen[[118, 119]] // 2  # February and March 2020
    question = {"period": APRIL_2020, "baseline": APRIL_2019}
    before = compare_periods(months_of({"theft": history}), **question).total.overdispersion
    assert compare_periods(months_of({"theft": fallen}), **question).total.overdispersion == before


def test_without_a_year_of_history_the_interval_is_poisson_and_says_so():
    counts = months_of({"robbery": noisy(100, 1, n=13)}, first="2019-04", n=13)
    found = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019)
    assert found.total.method == "mid-p, Poisson (11 months of history, 12 needed)"
    assert any("Poisson chance only" in warning for warning in found.warnings)


def test_a_short_history_is_not_taken_for_one_without_drift():
    counts = months_of({"robbery": noisy(5_000, 1, n=25)}, first="2018-04", n=25)
    found = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019)
    assert found.total.method.endswith("from 23 months")
    assert found.total.high / found.total.low > 1.2  # by Poisson chance alone it would be 1.08


def test_the_fall_itself_does_not_count_as_the_groups_own_variation():
    steady = np.full(122, 1000)
    steady[[108, 120]] = 1000, 300
    found = compare_periods(months_of({"robbery": steady}), period=APRIL_2020, baseline=APRIL_2019)
    assert found.total.overdispersion == pytest.approx(
        1.0, abs=0.05
    )  # ten calm years leave little room for drift


def test_q_values_allow_for_the_number_of_rows():
    groups = {f"group {i:02}": noisy(100, 1, seed=i) for i in range(20)}
    found = compare_periods(months_of(groups), period=APRIL_2020, baseline=APRIL_2019)
    assert found.total.q_value is None
    assert all(row.q_value >= row.p_value for row in found.rows)
    assert not any(row.q_value < 0.05 for row in found.rows)


def test_the_headline_is_shown_against_several_baselines():
    counts = months_of({"robbery": np.arange(122) + 100})
    asked = parse_period("2020-04", last_day=date(2020, 5, 31))
    baselines = choose_baselines(
        ["2019"], written_period=asked, covered=Period(date(2010, 4, 1), date(2020, 6, 1))
    )
    found = compare_baselines(counts, period=asked.period, baselines=baselines)
    shown = [(c.baseline.label, c.total.old, c.total.difference) for c in found.against]
    assert shown == [("2019-04", 208, 12), ("2018-04", 196, 24), ("mean of 3 years", 196.0, 24.0)]


def test_the_mean_of_three_years_is_surer_than_one_of_them():
    counts = months_of({"robbery": np.full(122, 90)})
    years = [Period(date(y, 4, 1), date(y, 5, 1)) for y in (2019, 2018, 2017)]
    one, three = (Baseline("one", tuple(years[:1]), ""), Baseline("three", tuple(years), ""))
    found = compare_baselines(counts, period=APRIL_2020, baselines=(one, three))
    widths = [contrast.total.high - contrast.total.low for contrast in found.against]
    assert found.against[1].total.old == 90
    assert widths[1] < 0.85 * widths[0]


def test_february_of_a_leap_year_is_compared_by_the_day():
    counts = months_of({"robbery": np.full(122, 290)})
    february = [Period(date(y, 2, 1), date(y, 3, 1)) for y in (2020, 2019)]
    found = compare_periods(counts, period=february[0], baseline=february[1])
    assert found.total.difference == 0
    assert found.total.ratio == pytest.approx(28 / 29)
    assert any("29 days and the baseline" in warning and "per day" in warning for warning in found.warnings)


def test_a_group_outside_the_total_is_left_out_and_named_with_its_reason():
    counts = months_of({"fraud": np.full(122, 7), "robbery": np.full(122, 100)})
    groups = {
        "fraud": OffenceGroup("fraud", "Fraud", in_total=False, why_not_in_total="counted elsewhere"),
        "robbery": OffenceGroup("robbery", "Robbery"),
    }
    out = outside_total(counts.groups, groups)
    found = compare_baselines(
        pick_groups(counts, ["robbery"]),
        period=APRIL_2020,
        baselines=(Baseline("2019", (APRIL_2019,), ""),),
        context=ComparisonContext(groups=groups, left_out=pick_groups(counts, out)),
    )
    assert found.total.new == 100
    assert found.warnings[0] == (
        "Fraud is excluded from every count here (7 in the baseline, 7 in the period). Counted elsewhere."
    )


def test_a_group_outside_the_total_is_counted_where_it_is_asked_for_or_alone():
    groups = {"fraud": OffenceGroup("fraud", "Fraud", in_total=False, why_not_in_total="elsewhere")}
    assert outside_total(["fraud", "robbery"], groups) == ("fraud",)
    assert outside_total(["fraud", "robbery"], groups, requested=["fraud"]) == ()
    assert outside_total(["fraud"], groups) == ()


def test_no_total_is_made_of_groups_that_are_parts_of_each_other():
    counts = months_of({"injured": np.full(122, 60), "injured at home": np.full(122, 20)})
    groups = {
        key: OffenceGroup(key, key.capitalize(), in_total=False, why_not_in_total="counts victims")
        for key in counts.groups
    }
    found = compare_baselines(
        counts,
        period=APRIL_2020,
        baselines=(Baseline("2019", (APRIL_2019,), ""),),
        context=ComparisonContext(groups=groups, counted_unit="victims"),
    )
    assert found.total is None
    assert found.as_record()["total"] is None
    assert [row.group for row in found.all_rows] == ["injured", "injured at home"]
    assert (
        found.warnings[0] == "No total, which would count victims twice (Injured, Injured at home overlap)."
    )
    assert headline(found).startswith("Injured changed by")


def against_two_years(counts: CountTable, **context) -> Comparison:
    """April 2020 against April 2019 and April 2018."""
    baselines = tuple(Baseline(str(b.start.year), (b,), "") for b in (APRIL_2019, APRIL_2018))
    return compare_baselines(
        counts, period=APRIL_2020, baselines=baselines, context=ComparisonContext(**context)
    )


@pytest.mark.parametrize(
    ("april_2018", "april_2019", "april_2020", "said"),
    [
        (1500, 900, 1200, "33.3% above April 2019 (rise) and 20.0% below April 2018 (fall)"),
        (1210, 900, 1200, "33.3% above April 2019 (rise) and 0.8% below April 2018 (unclear)"),
        (1210, 1190, 1200, "0.8% above April 2019 (unclear) and 0.8% below April 2018 (unclear)"),
    ],
)
def test_where_baselines_disagree_the_first_sentence_says_so(april_2018, april_2019, april_2020, said):
    steady = np.full(122, 1200)
    steady[[96, 108, 120]] = april_2018, april_2019, april_2020
    found = against_two_years(months_of({"robbery": steady}))
    assert (
        headline(found) == f"The answer depends on the baseline: recorded offences in April 2020 were {said}."
    )
    assert how_sure(found).startswith("Against April 2019, the 95% interval")
    assert comparison_record(found)["headline"] == headline(found)
    assert all(
        row["notes"].startswith(headline(found)) for row in comparison_rows(found) if row["group"] == "total"
    )


def test_where_baselines_agree_one_figure_is_said():
    steady = np.full(122, 1200)
    steady[120] = 600
    found = against_two_years(months_of({"robbery": steady}))
    assert headline(found) == (
        "Recorded offences fell by 50.0%: from 1,200 in April 2019 to 600 in April 2020."
    )


def test_victims_are_not_called_offences():
    found = against_two_years(months_of({"injured": np.full(122, 200)}), counted_unit="victims")
    assert headline(found).startswith("Counted victims changed by")
    assert found.as_record()["counted"] == "victims"


def test_a_comparison_of_doubtful_records_begins_with_the_doubt():
    gaps = [Gap("drawn", month, kind, "") for month, kind in (("2020-04", "cut_short"), ("2019-07", "low"))]
    found = against_two_years(months_of({"robbery": np.full(122, 200)}), gaps=gaps)
    assert found.doubtful_months == ("2020-04",)
    assert headline(found).startswith("Check the records of 2020-04 first: they look incomplete. Recorded")


def test_after_a_shock_the_answer_says_what_noise_was_learned_from():
    counts = noisy(4_000, 4)
    counts[70:82] = counts[70:82] // 2  # a year and more of half, long before
    found = compare_periods(months_of({"theft": counts}), period=APRIL_2020, baseline=APRIL_2019)
    assert [shift.on for shift in found.noise.shifts] == [date(2016, 2, 1), date(2017, 2, 1)]
    assert found.noise.shifts[0].change_percent == pytest.approx(-50, abs=5)
    calm = compare_periods(months_of({"theft": noisy(4_000, 4)}), period=APRIL_2020, baseline=APRIL_2019)
    assert found.total.high / found.total.low <= 1.15 * calm.total.high / calm.total.low
    sentence = str(noise_sentence(found))
    assert "The level shifted in 2016-02 (-5" in sentence
    assert "April 2019 (compared here)" in sentence
    assert "level shifts 2016-02, 2017-02" in found.total.method


def test_badly_covered_months_are_named_where_they_are_used_and_nowhere_else():
    counts = months_of({"robbery": np.full(122, 100)})
    gaps = [Gap("drawn", month, "low", "30 records") for month in ("2019-04", "2019-07")]
    found = compare_baselines(
        counts,
        period=APRIL_2020,
        baselines=(Baseline("2019", (APRIL_2019,), ""),),
        context=ComparisonContext(gaps=gaps),
    )
    assert [w for w in found.warnings if w.startswith("Coverage")] == ["Coverage: drawn 2019-04: 30 records"]


def with_a_hole(month, counts):
    return compare_baselines(
        counts,
        period=APRIL_2020,
        baselines=(Baseline("2019", (APRIL_2019,), ""), Baseline("2018", (APRIL_2018,), "")),
        context=ComparisonContext(
            gaps=[Gap("drawn", month, "missing", "no records; about 100 would be expected")]
        ),
    )


def test_a_month_that_was_never_loaded_is_not_a_fall_of_a_hundred_per_cent():
    counts = months_of({"robbery": [*np.full(120, 100), 0, 100]})
    found = with_a_hole("2020-04", counts)
    for row in (found.total, *found.rows):
        assert (row.new, row.old, row.change_percent, row.ratio) == (0, 100, None, None)
        assert (row.low, row.high, row.p_value, row.q_value) == (0.0, float("inf"), None, None)
        assert row.notes == ("no comparison: there are no records of 2020-04",)
    assert found.as_record()["rows"][0]["high"] is None
    assert "no records of 2020-04" in headline(found)
    assert "loaded" in how_sure(found)
    assert {line[3:] for line in comparison_lines(found)} == {("–", "–", "Unclear")}


def test_a_baseline_that_was_never_loaded_leaves_the_others_standing():
    counts = months_of({"robbery": [*np.full(96, 100), 0, *np.full(25, 100)]})
    found = with_a_hole("2018-04", counts)
    assert found.missing_months == ()
    assert found.total.change_percent == 0.0
    assert [contrast.missing_months for contrast in found.against] == [(), ("2018-04",)]
    assert [contrast.total.change_percent for contrast in found.against] == [0.0, None]


def test_months_that_were_never_loaded_are_no_history():
    counts = months_of({"robbery": np.full(122, 100)})
    holes = [Gap("drawn", f"2018-{m:02}", "missing", "") for m in (9, 10, 11)]
    plain, holed = (
        compare_baselines(
            counts,
            period=APRIL_2020,
            baselines=(Baseline("2019", (APRIL_2019,), ""),),
            context=ComparisonContext(gaps=gaps),
        )
        for gaps in ((), holes)
    )
    assert int(plain.total.method.split()[-2]) - int(holed.total.method.split()[-2]) == 3


def test_strays_from_before_the_records_began_are_said_to_be_few():
    counts = months_of({"robbery": [*np.full(110, 2), *np.full(12, 1000)]})
    found = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019)
    (said,) = [w for w in found.warnings if w.startswith("Coverage")]
    assert said.startswith("Coverage: 2019-04-01 to 2019-04-30 holds 2 records, where a usual month")


def test_a_table_of_nothing_but_unknown_says_that_the_records_do_not_tell():
    counts = replace(months_of({"unknown": np.full(122, 100)}), by="weapon")
    found = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019)
    assert "No record of drawn in these windows states the weapon" in found.warnings[0]


def test_days_asked_of_records_of_months_are_refused_with_the_remedy():
    counts = months_of({"robbery": np.full(122, 100)})
    weeks = Period(date(2020, 4, 6), date(2020, 5, 18))
    with pytest.raises(QuestionError, match=r"records only the month.*`period 2020-04`"):
        compare_periods(counts, period=weeks, baseline=APRIL_2019)
    with pytest.raises(QuestionError, match="cannot be matched by weekdays"):
        compare_periods(
            counts, period=APRIL_2020, baseline=APRIL_2019, settings=CompareSettings(align="weekdays")
        )


def test_a_window_outside_the_records_is_refused_and_not_answered_with_zeros():
    counts = months_of({"robbery": np.full(122, 100)})
    with pytest.raises(QuestionError, match="run from 2010-04-01 to 2020-05-31"):
        compare_periods(counts, period=Period(date(2020, 6, 1), date(2020, 7, 1)), baseline=APRIL_2019)
    with pytest.raises(QuestionError, match="The baseline 2009-04-01"):
        compare_periods(counts, period=APRIL_2020, baseline=Period(date(2009, 4, 1), date(2009, 5, 1)))


def test_the_record_has_the_keys_that_other_programs_rely_on():
    found = compare_periods(
        months_of({"firearm": [0] * 120 + [3, 0]}), period=APRIL_2020, baseline=APRIL_2019
    )
    record = found.as_record()
    contract = ["period", "baseline", "source", "as_of", "level", "warnings", "total", "rows"]
    row_contract = "group new old difference change_percent ratio low high method found_by p_value q_value"
    assert list(record)[:8] == contract
    assert list(record["total"])[:12] == row_contract.split()
    assert record["period"] == {"start": "2020-04-01", "end": "2020-05-01"}
    assert record["baseline"] == {"start": "2019-04-01", "end": "2019-05-01"}
    row = record["rows"][0]
    assert (row["change_percent"], row["ratio"], row["high"]) == (None, None, None)
    assert row["notes"] == [
        "no percentage: the baseline of 0 is below 50",
        "no ratio: nothing was counted in the baseline",
    ]


def test_counts_of_nothing_at_all_give_no_p_value():
    counts = months_of({"firearm": [1] + [0] * 121})
    found = compare_periods(counts, period=APRIL_2020, baseline=APRIL_2019)
    assert found.rows == ()
    assert (found.total.ratio, found.total.low, found.total.high) == (None, 0.0, float("inf"))
    assert found.total.p_value is None


def test_huge_counts_are_compared_as_exactly_as_small_ones():
    counts = months_of({"calls": np.full(13, 10**12)}, first="2020-01", n=13)
    january, february = (Period(date(y, 1, 1), date(y, 2, 1)) for y in (2021, 2020))
    found = compare_periods(counts, period=january, baseline=february)
    assert found.total.low == pytest.approx(1 - 1.959964 * np.sqrt(2e-12), abs=1e-10)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(Exception, match=r"give 0\.95 for 95 %"):
        CompareSettings(level=95)
    with pytest.raises(Exception, match="give 0 or more"):
        replace(CompareSettings(), suppress_below=-1)
