"""A job's part of the briefing: shown with its chart and table, or with what it needs."""

from __future__ import annotations

from dataclasses import replace

from briefings import briefing
from markupsafe import Markup

from becalm.brief.annex_page import annex_page
from becalm.brief.part import BriefingPart, PartTable

TABLE = PartTable("Weekly levels", "two hidden", ("Series", "A week"), (("robbery <all>", "12.3"),))
WATCH = BriefingPart(
    "sustain",
    "Watch",
    lead="One rose.",
    charts=(Markup("<svg></svg>"),),
    tables=(TABLE,),
    warnings=("Late.",),
)


def test_a_part_is_shown_with_its_chart_and_table():
    page = annex_page(replace(briefing(), parts=(WATCH,)))
    assert '<h2 id="sustain">Watch</h2>' in page
    assert '<a href="#sustain">Watch</a>' in page
    assert '<p class="lead">One rose.</p>' in page
    assert '<th role="rowheader" scope="row">robbery &lt;all&gt;</th>' in page
    assert '<td role="cell" class="num" data-label="A week">12.3</td>' in page
    assert "<li>Late.</li>" in page


def test_a_part_that_is_left_out_says_what_it_needs():
    page = annex_page(replace(briefing(), parts=(BriefingPart("sustain", "Watch", needs="Declare a step."),)))
    assert "<p>Declare a step.</p>" in page
    assert '<p class="lead"></p>' not in page


def test_without_parts_the_page_has_no_such_section():
    assert 'id="sustain"' not in annex_page(briefing())
