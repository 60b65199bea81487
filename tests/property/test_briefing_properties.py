"""True of every briefing: text stays text, names keep apart, numbers keep their sign."""

from __future__ import annotations

import itertools
from dataclasses import replace

import briefings
from hypothesis import given, settings
from hypothesis import strategies as st
from page import read_page

from becalm.brief.annex_page import annex_page
from becalm.find.files.map import Box, number_marks, place_names
from becalm.formats.json_text import record_json
from becalm.render import number_format as words
from becalm.render import svg
from becalm.render.svg import Scale, round_ticks

anything = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip)
points = st.tuples(st.floats(0, 700), st.floats(0, 500))


@given(anything, anything)
def test_text_and_attributes_of_a_picture_come_back_as_they_went_in(inner: str, attribute: str) -> None:
    (node,) = read_page(svg.element("text", inner, data_label=attribute)).every("text")
    assert node.text == " ".join(inner.split())
    assert node.get("data-label") == attribute


@settings(max_examples=25, deadline=None)
@given(anything, anything)
def test_no_name_of_a_record_becomes_markup(borough: str, label: str) -> None:
    compared = briefings.comparison()
    contrast = replace(compared.against[0], rows=(replace(compared.rows[0], label=label), *compared.rows[1:]))
    place = briefings.hotspot(1, 3400, 1190, p_top=0.9, borough=borough)
    page = read_page(
        annex_page(
            briefings.briefing(
                comparison=replace(compared, against=(contrast,)), hotspots=briefings.hotspot_list((place,))
            )
        )
    )
    plain = read_page(annex_page(briefings.briefing(hotspots=briefings.hotspot_list((place,)))))
    assert {node.name for node in page.every()} <= {node.name for node in plain.every()}
    assert " ".join(borough.split()) in [cell.text for cell in page.every("td")]


@given(st.lists(st.tuples(anything, points, st.floats(5, 200)), max_size=30))
def test_names_on_a_map_never_overlap_nor_leave_it(
    spots: list[tuple[str, tuple[float, float], float]],
) -> None:
    window = Box(0, 0, 700, 500)
    placed = place_names(spots, window=window, size=10)
    boxes = [Box.around(x, y - 3.5, len(text) * 5.0, 7.0) for x, y, text in placed]
    assert all(not one.meets(other) for one, other in itertools.combinations(boxes, 2))
    assert all(window.contains(box) for box in boxes)


@given(st.lists(points, min_size=1, max_size=60), st.integers(0, 25))
def test_a_number_covers_no_mark(marks: list[tuple[float, float]], numbered: int) -> None:
    named = tuple((str(i + 1), point) for i, point in enumerate(marks))
    _, taken = number_marks(named, numbered=numbered, window=Box(0, 0, 700, 500), size=3.0)
    of_marks, of_numbers = taken[: len(marks)], taken[len(marks) :]
    assert len(of_numbers) <= min(numbered, len(marks))
    assert all(not number.meets(mark) for number in of_numbers for mark in of_marks)
    assert all(not one.meets(other) for one, other in itertools.combinations(of_numbers, 2))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_ticks_are_few_even_and_hold_the_data(low: float, span: float, about: int) -> None:
    ticks = round_ticks(low, low + span, about=about)
    assert ticks[0] <= low + 1e-6 * abs(low) + 1e-9
    assert ticks[-1] >= low + span - 1e-6 * (abs(low) + span) - 1e-9
    assert 2 <= len(ticks) <= 2 * about + 3


@given(st.floats(-1e9, 1e9), st.floats(1, 1e6), st.floats(-1e9, 1e9))
def test_a_scale_never_leaves_the_picture(low: float, span: float, value: float) -> None:
    assert 100 <= Scale(low, low + span, 100, 200)(value) <= 200.0000001


@given(st.integers(-(10**9), 10**9))
def test_a_signed_number_reads_back(value: int) -> None:
    written = words.with_sign(value).replace(words.MINUS, "-").replace(",", "").replace("+", "")
    assert int(written) == value
    assert words.with_sign(value)[0] in ("+", words.MINUS, "0")


@given(st.dictionaries(anything, st.just("a" * 64), max_size=8), st.randoms())
def test_a_record_does_not_depend_on_the_order_of_its_files(data: dict[str, str], random: object) -> None:
    items = list(data.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    run = briefings.run_record()
    assert record_json(replace(run, data=dict(items))) == record_json(replace(run, data=data))
