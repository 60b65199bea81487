"""Whatever a program sends, the API answers in words: never with a fault of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import InProcess
from town import becalm

from becalm.app.store import sessions
from becalm.brief.pages import JOB_PAGES

EXAMPLES, MANY = 400, 50_000
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
    for role in ("analyst", "sergeant", "provider worker"):
        visitor = sessions.find_session(
            site.store, site.session(role)["cookie"][7:], site.site.times, now=now
        )
        assert visitor
        found[role] = sessions.make_token(site.store, visitor, "integration test", 1, now=now)
    return {**found, "nobody": "guessed"}


@st.composite
def bodies(draw: st.DrawFn, fields: list[str]) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    names = st.sampled_from(fields) if fields else st.just("none")
    body = draw(st.dictionaries(names | TEXTS, VALUES, max_size=5) | VALUES)
    return json.dumps(body).encode()


def try_many(site: InProcess, tokens: dict[str, str], examples: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    fields = {words: [field.name for field in site.site.questions[words].fields] for words in WORDS}

    @settings(max_examples=examples, database=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        words = data.draw(st.sampled_from(WORDS))
        role = data.draw(st.sampled_from(list(tokens)))
        job, name = words.partition(" ")[0], site.site.questions[words].name
        tail = data.draw(
            st.sampled_from([f"/{job}/{name}", f"/{job}/runs"]) | TEXTS.map(lambda t: f"/{quote(t)}")
        )
        method = data.draw(st.sampled_from(["POST", "POST", "POST", "GET", "PUT"]))
        headers = {"authorization": f"Bearer {tokens[role]}", "content-type": "application/json"}
        answer = site.ask(method, f"/api/v1{tail}", data.draw(bodies(fields[words])), headers)
        statuses[answer.status] += 1
        assert answer.status < 500, answer.text
        if answer.body:
            assert isinstance(answer.json, dict), "an answer is always an object"

    check()
    return statuses


def test_no_request_of_a_program_ends_in_a_fault(site: InProcess, tokens: dict[str, str]) -> None:
    statuses = try_many(site, tokens, EXAMPLES)
    assert statuses[202] > 0
    assert statuses[401] > 0
    assert statuses[422] > 0


@pytest.mark.exhaustive  # minutes of processor time
def test_fifty_thousand_requests_end_without_a_fault(
    site: InProcess, tokens: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = try_many(site, tokens, MANY)
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
