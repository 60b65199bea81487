"""The keyed stream and the exact exp against independent computations, and a plan against its known hash."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import numpy as np
from patrol_requests import KEY, place, request, shift
from scipy import stats

from becalm.methods.routes.bit_exact import derive_key, exact_exp, round_to_grid, uniform_numbers
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_result import RouteDistribution

GOLDEN = "1101af9aa2e009d733b440f181acabe453db8b5f38d6edbdbdbfaddb540af1f4"


def test_a_stream_is_hmac_sha256_of_a_counter() -> None:
    digest = hmac.new(b"key", bytes(7) + b"\x01", hashlib.sha256).digest()
    second = [int.from_bytes(digest[k : k + 8], "big") for k in range(0, 32, 8)]
    assert [int(x) for x in uniform_numbers(b"key", 8)[4:]] == second


def test_a_sub_key_is_hmac_sha256_of_parts_with_their_lengths() -> None:
    message = b"\x00\x00\x00\x04area\x00\x00\x00\x017"
    assert derive_key(b"key", "area", 7) == hmac.new(b"key", message, hashlib.sha256).digest()


def test_numbers_of_a_stream_look_uniform() -> None:
    numbers = uniform_numbers(b"some key", 20_000).astype(np.float64) / 2.0**64
    assert stats.kstest(numbers, "uniform").pvalue > 1e-4


def test_exp_is_right_to_the_last_two_bits() -> None:
    for k in (-30_000, -1_025, -1, 0, 1, 512, 4_097, 40_000):
        with localcontext(prec=40):
            true = float((Decimal(k) / 1024).exp())
        assert abs(float(exact_exp(k)) - true) <= 2 * np.spacing(true)
    assert int(round_to_grid(0.5)) == 512


def test_a_plan_drawn_from_a_written_law_has_its_known_hash() -> None:
    """If this fails, plans that were published can no longer be drawn again: that is a breaking change."""
    places = [place(f"p{n}", 700.0 * (n + 1), gap_weight=0.5 * (n < 3)) for n in range(4)]
    shifts = [shift(f"u{n}", hour=7 + n, burst_share=1.0 - 0.2 * n) for n in range(3)]
    asked = request(places, shifts)
    asked = replace(asked, policy=replace(asked.policy, travel_weight=0.03, feedback=0.05))
    distribution = RouteDistribution(
        hotspots=tuple(p.hotspot for p in places),
        hour_weights=tuple(
            tuple(-2_500 + 300 * j + (hour * 37) % 400 for hour in range(168)) for j in range(4)
        ),
        length_weights=((0, 10, 20), (-100, 0, 100), (0, 0, 0), (50, 0, -50)),
        due_millivisits=(2_000, 2_500, 3_000, 4_000),
        expected_millivisits=(2_000, 2_500, 3_000, 4_000),
        expected_milliminutes=(30_000, 37_500, 45_000, 60_000),
    )
    plan = plan_bursts(asked, key=KEY, distribution=distribution)
    start = asked.shifts[0].hours.start
    lines = [
        f"{b.unit} {b.hotspot} {(b.span.start - start) / timedelta(minutes=1):g} {b.span.minutes:g}"
        for b in plan.bursts
    ]
    assert len(lines) > 10
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == GOLDEN
