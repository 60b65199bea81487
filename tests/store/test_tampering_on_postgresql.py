"""Even the owner of the tables on a server is found out, once a head lies where he cannot reach it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from postgres import Server
from tamper_grounds import CASE, ServerGround
from tampering import WAYS, Way, open_as_owner

EACH = 3  # cases of each way


@pytest.fixture(scope="module")
def ground(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerGround]:
    made = ServerGround(postgres, tmp_path_factory.mktemp("server"))
    yield made
    postgres.sql(f"DROP DATABASE IF EXISTS {CASE} WITH (FORCE)")
    postgres.drop(made.honest)


def test_an_honest_ledger_on_a_server_holds(ground: ServerGround) -> None:
    verdict = ground.verify(ground.honest)
    assert verdict.findings == ()
    assert verdict.proven_outside_size == ground.scene.size


@pytest.mark.parametrize("way", list(dict.fromkeys(WAYS)), ids=lambda way: way.__name__)
def test_whatever_the_owner_of_the_tables_does_is_found_and_named(ground: ServerGround, way: Way) -> None:
    for seed in range(EACH):
        url = ground.copy()
        with open_as_owner(ground.server.url(CASE)) as db:
            expected = way(db, Random(seed), ground.scene)
            db.commit()
        verdict = ground.verify(url)
        assert not verdict.holds, expected
        if expected.low is not None:
            assert expected.low <= (verdict.first_bad or 0) <= (expected.high or 0), verdict.findings
