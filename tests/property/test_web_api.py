"""Whatever a program sends, the API answers in words: never with a fault of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sites import InProcess
from town import becalm

from becalm.app.store import sessions, tasks
from becalm.brief.pages import JOB_PAGES
from becalm.formats.json_text import request_schema

EXAMPLES, SLICES, SLICE = 400, 10, 5_000  # a slice each time, 50,000 in all where time is no matter
WORDS = [words for page in JOB_PAGES.values() for words in page.questions]
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["2020-04", "2019", "robbery", "last 6 weeks", "nan", "../x", "1e999"]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXTS
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=5
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    workspace = tmp_path_factory.mktemp("api") / "city"
    becalm("init", workspace)
    opened = InProcess(workspace)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tokens(site: InProcess) -> dict[str, str]:
    now, found = datetime.now(UTC), {}
    for role in ("analyst", "coordinator", "duty planner", "provider worker"):
        visitor = sessions.find_session(
            site.store, site.session(role)["cookie"][7:], site.site.times, now=now
        )
        assert visitor
        found[role] = sessions.make_token(site.store, visitor, "integration test", 1, now=now)
    return {**found, "nobody": "guessed"}


def fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema of a field allows, or nearly."""
    if "anyOf" in schema:
        return st.one_of([fitting(choice) for choice in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    low, high = schema.get("minimum", 0), schema.get("maximum", 10_000)
    kinds = {
        "integer": st.integers(int(low) - 1, int(high) + 1),
        "number": st.floats(low, high, allow_nan=False),
        "boolean": st.booleans(),
        "null": st.none(),
        "array": st.lists(st.deferred(lambda: fitting(schema.get("items", {}))), max_size=3),
    }
    days = st.dates(date(2017, 1, 1), date(2022, 1, 1)).map(date.isoformat)
    return kinds.get(schema.get("type", ""), days if schema.get("format") == "date" else TEXTS)


@st.composite
def bodies(draw: st.DrawFn, properties: dict[str, Any]) -> bytes:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=60))
    if kind <= 6:
        names = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
        return json.dumps({name: draw(fitting(properties[name])) for name in names}).encode()
    names = st.sampled_from(sorted(properties)) if properties else st.just("none")
    body = draw(st.dictionaries(names | TEXTS, VALUES, max_size=5) | VALUES)
    return json.dumps(body).encode()


def try_many(
    site: InProcess, tokens: dict[str, str], examples: int, first_draw: int | None = None
) -> Counter[int]:
    statuses: Counter[int] = Counter()
    schemas = {words: request_schema(site.site.questions[words].request)["properties"] for words in WORDS}

    @settings(max_examples=examples, database=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        words = data.draw(st.sampled_from(WORDS))
        role = data.draw(st.sampled_from([*tokens, "analyst", "analyst", "analyst"]))
        job, name = words.partition(" ")[0], site.site.questions[words].name
        asks = data.draw(st.integers(0, 9)) < 8
        tails = st.just(f"/{job}/{name}")
        if not asks:
            tails = st.just(f"/{job}/runs") | TEXTS.map(lambda t: f"/{quote(t)}")
        tail = data.draw(tails)
        method = "POST" if asks else data.draw(st.sampled_from(["POST", "GET", "PUT"]))
        headers = {"authorization": f"Bearer {tokens[role]}", "content-type": "application/json"}
        answer = site.ask(method, f"/api/v1{tail}", data.draw(bodies(schemas[words])), headers)
        statuses[answer.status] += 1
        assert answer.status < 500, answer.text
        if answer.status == 202:  # an account may have few open tasks
            tasks.cancel_task(site.store, answer.to.rpartition("/")[2], now=datetime.now(UTC))
        if answer.body:
            assert isinstance(answer.json, dict), "an answer is always an object"

    (check if first_draw is None else seed(first_draw)(check))()
    return statuses


def test_no_request_of_a_program_ends_in_a_fault(site: InProcess, tokens: dict[str, str]) -> None:
    statuses = try_many(site, tokens, EXAMPLES)
    assert statuses[202] > 0
    assert statuses[401] > 0
    assert statuses[422] > 0


@pytest.mark.exhaustive  # minutes of processor time
@pytest.mark.parametrize("part", range(SLICES))
def test_fifty_thousand_requests_end_without_a_fault(
    site: InProcess, tokens: dict[str, str], capsys: pytest.CaptureFixture[str], part: int
) -> None:
    statuses = try_many(site, tokens, SLICE, part)
    with capsys.disabled():
        import sys

        sys.stdout.write(f"\nAPI: {statuses.total():,} requests, {dict(statuses)}\n")


def test_the_description_of_the_api_is_served_from_here(site: InProcess, tokens: dict[str, str]) -> None:
    text = site.ask("GET", "/api/v1/openapi.json").text
    assert "/api/v1/{job}/{name}" in text
    listed = site.ask("GET", "/api/v1", headers={"authorization": f"Bearer {tokens['analyst']}"}).text
    questions = json.loads(listed)["questions"]
    assert {"measure compare", "find hotspots"} <= {question["question"] for question in questions}
    assert all("properties" in question["schema"] for question in questions)
