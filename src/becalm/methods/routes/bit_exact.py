"""Numbers that are the same to the last bit on every machine: random ones from a key, and exponentials.

A stream is HMAC-SHA256 in counter mode (the expansion step of HKDF without its chaining): block i is
HMAC(sub-key, i as 8 bytes), read as four 64-bit numbers, most significant byte first. A sub-key is
HMAC(key, label), where every part of the label is preceded by its length, so that no two labels can
be mistaken for each other. Nobody guesses a number without the key.

Libraries of mathematics differ in the last bit of exp, and one bit is enough to turn a draw. So exp is
taken from two tables, exp(i) and exp(j / 1024), each rounded once from 40 decimal digits, and a value
is one product of two doubles, which IEEE 754 fixes.

Sources: Bellare, Canetti and Krawczyk, Advances in Cryptology 1996, 1-15; NIST SP 800-108 rev. 1 (2022),
section 4.1, key derivation in counter mode; FIPS 202 (2015), section 6.2, SHAKE.
"""

import hashlib
import hmac
from decimal import Context, Decimal
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from becalm.methods.arrays import Floats, Ints

_BLOCK_NUMBERS = 4  # a digest of 32 bytes holds four numbers of 64 bits
GRID = 1024
LARGEST = 40  # whole nats on either side; beyond them a value is held at the end


def derive_key(key: bytes, *label: str | int) -> bytes:
    """The key that belongs to a label: 32 bytes that tell nothing of each other nor of `key`.

    >>> derive_key(b"key", "a", "bc") == derive_key(b"key", "ab", "c")
    False
    """
    if len(key) < 1:
        raise ValueError("The key is empty. Give at least 16 bytes, better 32.")
    label_parts = [str(label_part).encode("utf-8") for label_part in label]
    # With the length before each part: ("a", "bc") and ("ab", "c") would else share one key.
    label_bytes = b"".join(len(label_part).to_bytes(4, "big") + label_part for label_part in label_parts)
    return hmac.digest(key, label_bytes, "sha256")


def uniform_numbers(key: bytes, count: int) -> NDArray[np.uint64]:
    """The first `count` numbers of this key's stream, each uniform on 0 .. 2^64 - 1.

    >>> bool((uniform_numbers(b"key", 2) == uniform_numbers(b"key", 9)[:2]).all())
    True
    """
    keyed_hash = hmac.new(
        key, digestmod=hashlib.sha256
    )  # the key is worked in once, and copied for each block
    digests = []
    for counter in range(-(-count // _BLOCK_NUMBERS)):
        block_hash = keyed_hash.copy()
        block_hash.update(counter.to_bytes(8, "big"))
        digests.append(block_hash.digest())
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)[:count]


def expand_numbers(seed: bytes, count: int) -> NDArray[np.uint64]:
    """Numbers like those of a stream, and fast: SHAKE-256 of a seed; a secret one is as good as a key.

    >>> expand_numbers(b"trial", 3).size
    3
    """
    # Least byte first, as most machines hold them: a plan takes millions, and each is then copied by nobody.
    return np.frombuffer(hashlib.shake_256(seed).digest(8 * count), dtype="<u8").astype(np.uint64, copy=False)


def public_numbers(label: str, count: int) -> NDArray[np.uint64]:
    """Numbers that everybody knows, and ten times as fast: Philox (Salmon et al. 2011), keyed by a label.

    >>> public_numbers("trial", 3).size
    3
    """
    digest = hashlib.sha256(label.encode("utf-8")).digest()
    return np.random.Philox(key=np.frombuffer(digest[:16], dtype="<u8")).random_raw(count)


@cache
def _power_tables() -> tuple[Floats, Floats]:
    decimals = Context(prec=40)  # decimal arithmetic is the same on every machine, and 40 digits round once
    whole_powers = [float(decimals.exp(Decimal(i))) for i in range(-LARGEST, LARGEST + 1)]
    part_powers = [float(decimals.exp(decimals.divide(Decimal(j), Decimal(GRID)))) for j in range(GRID)]
    return np.array(whole_powers), np.array(part_powers)


def exact_exp(k: ArrayLike) -> Floats:
    """exp(k / 1024), held within exp(-40) and exp(40).

    >>> float(exact_exp(0)), round(float(exact_exp(1024)), 12)
    (1.0, 2.718281828459)
    """
    whole_powers, part_powers = _power_tables()
    clipped_steps = np.clip(np.asarray(k, dtype=np.int64), -LARGEST * GRID, LARGEST * GRID)
    return np.asarray(whole_powers[(clipped_steps >> 10) + LARGEST] * part_powers[clipped_steps & (GRID - 1)])


def round_to_grid(nats: ArrayLike) -> Ints:
    """The whole number of 1/1024 nat nearest to each value."""
    return np.rint(np.asarray(nats, dtype=np.float64) * GRID).astype(np.int64)
