"""The page says what the answers say, safely, and says it to everyone."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from dataclasses import replace

import briefings
import pytest
from page import Node, read_page

from becalm.brief.annex_page import annex_page
from becalm.measure.core.baseline import Baseline
from becalm.measure.core.compare import withhold_changes
from becalm.measure.core.comparison import Contrast
from becalm.terms import Gap

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}"


@pytest.fixture(scope="module")
def html() -> str:
    return annex_page(briefings.briefing())


@pytest.fixture(scope="module")
def page(html: str) -> Node:
    return read_page(html)


def test_the_first_heading_is_the_finding_with_its_counts(page: Node) -> None:
    (heading,) = page.every("h1")
    assert heading.text == (
        "Recorded crime in Greater London, April 2020 "
        "Recorded offences fell by 35.0%: from 74,885 in April 2019 to 48,670 in April 2020."
    )


def test_the_interval_follows_in_words(page: Node) -> None:
    assert "The 95% interval for the fall runs from 32.1% to 37.8%." in page.text


def test_warnings_and_gaps_stand_before_the_first_figure(html: str) -> None:
    assert (
        html.index("Before you use these figures") < html.index("Fraud (1,402 then") < html.index("<figure")
    )
    assert html.index("Coverage: mps_borough 2020-04: recorded 35% below") < html.index("<figure")


def test_a_warning_that_measure_gives_already_is_not_repeated() -> None:
    gap = Gap("mps_borough", "2020-04", "low", "far below its neighbours")
    compared = replace(briefings.comparison(), warnings=(f"Coverage: {gap}",))
    html = annex_page(briefings.briefing(comparison=compared, gaps=(gap,)))
    assert html.count("far below its neighbours") == 1


def test_a_fall_a_rise_and_what_cannot_be_told_are_kept_apart(page: Node) -> None:
    text = page.text
    assert "Robbery fell by 67.9% (3,442 → 1,104)" in text
    assert "Drug offences † rose by 46.3% (3,718 → 5,440)" in text
    assert "Homicide went from 13 to 12, too few for a percentage" in text


def test_a_percentage_that_measure_suppressed_is_nowhere(html: str) -> None:
    assert "7.7%" not in html  # 13 to 12
    assert "No percentage is given where the baseline is too small: Homicide." in html


def test_what_the_police_find_is_marked_wherever_it_is_named(page: Node) -> None:
    rows = [n.text for n in page.every("th") if n.get("scope") == "row" and "Drug offences" in n.text]
    assert rows
    assert all("†" in text for text in rows)
    assert "Found by police work." in page.text


def test_every_baseline_has_its_column(page: Node) -> None:
    (table,) = [t for t in page.every("table") if "against each baseline" in t.text]
    headings = [n.text for n in table.every("th") if n.get("scope") == "col"]
    assert headings == ["Offence group", "April 2019", "April 2018", "The mean of 2 years (2018 and 2019)"]


def test_one_baseline_alone_is_said_to_be_one() -> None:
    compared = briefings.comparison()
    html = annex_page(briefings.briefing(comparison=replace(compared, against=compared.against[:1])))
    assert "The records hold only one baseline" in html


def test_a_change_that_chance_may_explain_is_not_called_a_fall() -> None:
    compared = briefings.comparison()
    total = briefings.row("total", 980, 1000, 0.93, 1.04)
    contrast = Contrast(Baseline("2019-04", (briefings.APRIL_2019,), "same months"), total, compared.rows)
    html = annex_page(briefings.briefing(comparison=replace(compared, against=(contrast,))))
    assert "Recorded offences changed by −2.0%, which chance alone may explain" in html
    assert "it holds both a fall and a rise" in html


def test_an_interval_without_an_upper_end_is_said_to_have_none() -> None:
    compared = briefings.comparison()
    rows = (replace(compared.rows[0], low=1.2, high=float("inf")), *compared.rows[1:])
    contrast = replace(compared.against[0], rows=rows)
    html = annex_page(briefings.briefing(comparison=replace(compared, against=(contrast,))))
    assert "+20.0% to no upper end" in html
    assert not re.search(r"\binf", html.split("</style>")[1])


@pytest.mark.parametrize("part", ["place", "areas_note"])
def test_hostile_text_is_shown_and_never_obeyed(part: str) -> None:
    page = read_page(annex_page(briefings.briefing(**{part: HOSTILE})))
    assert not list(page.every("script"))
    assert "alert(1)" in page.text
    assert "49" not in page.text.split("alert(1)")[1][:12]


def test_a_hostile_borough_is_shown_and_never_obeyed() -> None:
    listed = briefings.hotspot_list((briefings.hotspot(1, 3400, 1190, p_top=0.9, borough=HOSTILE),))
    page = read_page(annex_page(briefings.briefing(hotspots=listed)))
    assert not list(page.every("script"))
    assert sum(cell.text == HOSTILE for cell in page.every("td")) == 2


def test_hostile_labels_warnings_and_sources_are_shown_and_never_obeyed() -> None:
    compared = briefings.comparison()
    rows = (replace(compared.rows[0], label=HOSTILE), *compared.rows[1:])
    contrast = replace(compared.against[0], rows=rows)
    hostile = replace(compared, against=(contrast,), source=HOSTILE, warnings=(HOSTILE,))
    page = read_page(annex_page(briefings.briefing(comparison=hostile, labels=(("robbery", HOSTILE),))))
    assert not list(page.every("script"))
    assert all(not key.startswith("on") for node in page.every() for key in node.attributes)


def test_the_page_asks_for_nothing_and_runs_nothing(page: Node, html: str) -> None:
    loading = list(page.every("script", "img", "iframe", "object", "embed", "link", "form"))
    assert [n.attributes for n in loading] == [{"rel": "icon", "href": "data:,"}]
    assert not re.search(r"url\((?!#)|@import|https?://", html)
    links = [n.get("href") or "" for n in page.every("a")]
    assert links
    assert all(link.startswith("#") for link in links)


def test_the_policy_allows_this_one_style_sheet_and_nothing_else(page: Node) -> None:
    (style,) = page.every("style")
    digest = base64.b64encode(hashlib.sha256("".join(map(str, style.children)).encode()).digest()).decode()
    (policy,) = [n.get("content") for n in page.every("meta") if n.get("http-equiv")]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert all(n.get("style") is None for n in page.every())


def test_every_picture_has_a_name_a_description_and_a_table(page: Node) -> None:
    for picture in page.every("svg"):
        if picture.get("aria-hidden") == "true":
            continue
        title, description = picture.children[:2]
        assert isinstance(title, Node)
        assert isinstance(description, Node)
        assert (title.name, description.name) == ("title", "desc")
        assert title.text
        assert description.text
        assert picture.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert len(list(page.every("figure"))) <= len(list(page.every("table")))


def test_every_table_has_a_caption_and_every_heading_a_scope(page: Node) -> None:
    tables = list(page.every("table"))
    assert len(tables) == 7
    for table in tables:
        assert next(table.every("caption")).text
        assert all(n.get("scope") in {"col", "row"} for n in table.every("th"))


def test_headings_never_skip_a_level(page: Node) -> None:
    levels = [int(n.name[1]) for n in page.every("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_ids_are_unique_and_links_lead_somewhere(page: Node) -> None:
    ids = [n.get("id") for n in page.every() if n.get("id")]
    assert len(ids) == len(set(ids))
    targets = [(n.get("href") or "").removeprefix("#") for n in page.every("a")]
    assert set(targets) <= set(ids)


def test_the_same_answers_give_the_same_bytes(html: str) -> None:
    assert annex_page(briefings.briefing()) == html


def test_no_hotspots_no_times_and_no_months_each_say_why() -> None:
    page = read_page(
        annex_page(
            briefings.briefing(
                hotspots=None,
                hotspots_note="These counts carry no points.",
                week=None,
                week_note="These records carry no hour.",
                run_up=None,
                run_up_note="There is one month only.",
                areas=(),
            )
        )
    )
    for reason in (
        "These counts carry no points.",
        "These records carry no hour.",
        "There is one month only.",
    ):
        assert reason in page.text


def test_an_empty_list_draws_no_map() -> None:
    listed = briefings.hotspot_list(())
    page = read_page(annex_page(briefings.briefing(hotspots=listed, hotspots_note="No place qualified.")))
    assert "No place qualified." in page.text
    assert not [n for n in page.every("svg") if n.get("class") == "map"]


def test_one_hotspot_is_a_list_of_one() -> None:
    listed = briefings.hotspot_list((briefings.hotspot(1, 3400, 1190, p_top=0.9),))
    page = read_page(annex_page(briefings.briefing(hotspots=listed)))
    assert "Table 3. The hotspot " in page.text


def test_a_thousand_hotspots_are_all_in_the_annex() -> None:
    listed = briefings.hotspot_list(briefings.spread_out(1000))
    html = annex_page(briefings.briefing(hotspots=listed))
    (annex,) = [t for t in read_page(html).every("table") if t.get("id") == "table-a2"]
    assert len(list(annex.every("tr"))) == 1001
    assert len(html) < 3_000_000


def test_a_list_of_every_place_is_said_to_choose_nothing() -> None:
    listed = briefings.hotspot_list(briefings.spread_out(30))
    page = read_page(annex_page(briefings.briefing(hotspots=replace(listed, places=30))))
    assert "the list holds every place there is" in page.text
    assert "Hotspots to rely on" not in page.text


def test_certainty_is_never_rounded_up_to_certain() -> None:
    places = (briefings.hotspot(1, 3400, 1190, p_top=0.9996), briefings.hotspot(2, 3401, 1190, p_top=0.0004))
    cells = [
        n.text
        for n in read_page(annex_page(briefings.briefing(hotspots=briefings.hotspot_list(places)))).every(
            "td"
        )
    ]
    assert ">0.99" in cells
    assert "<0.01" in cells


def test_a_month_that_was_never_loaded_makes_no_headline_figure() -> None:
    made = briefings.comparison()
    first = withhold_changes(made.against[0], ("2020-04",))
    holed = replace(made, against=(first, *made.against[1:]))
    page = read_page(annex_page(briefings.briefing(comparison=holed)))
    figure = next(page.every("dd"))
    assert figure.text == "–"
    assert "No comparison is possible: there are no records of 2020-04" in page.text
