"""Uniform whole numbers from a secret key: the same on every machine, and unguessable without the key.

A stream is HMAC-SHA256 in counter mode (the expansion step of HKDF without its chaining): block i is
HMAC(sub-key, i as 8 bytes), read as four 64-bit numbers, most significant byte first. A sub-key is
HMAC(key, label), where every part of the label is preceded by its length, so that no two labels can
be mistaken for each other.

Sources: Bellare, Canetti and Krawczyk, Advances in Cryptology 1996, 1-15; NIST SP 800-108 rev. 1 (2022),
section 4.1, key derivation in counter mode.
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
from numpy.typing import NDArray

_BLOCK_NUMBERS = 4  # a digest of 32 bytes holds four numbers of 64 bits


def sub_key(key: bytes, *label: str | int) -> bytes:
    """The key that belongs to a label: 32 bytes that tell nothing of each other nor of `key`.

    >>> sub_key(b"key", "a", "bc") == sub_key(b"key", "ab", "c")
    False
    """
    if len(key) < 1:
        raise ValueError("The key is empty. Give at least 16 bytes, better 32.")
    parts = [str(part).encode("utf-8") for part in label]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256")


def uniform_numbers(key: bytes, count: int) -> NDArray[np.uint64]:
    """The first `count` numbers of this key's stream, each uniform on 0 .. 2^64 - 1.

    >>> bool((uniform_numbers(b"key", 2) == uniform_numbers(b"key", 9)[:2]).all())
    True
    """
    inner = hmac.new(key, digestmod=hashlib.sha256)
    blocks = []
    for counter in range(-(-count // _BLOCK_NUMBERS)):
        block = inner.copy()
        block.update(counter.to_bytes(8, "big"))
        blocks.append(block.digest())
    return np.frombuffer(b"".join(blocks), dtype=">u8").astype(np.uint64)[:count]


def public_numbers(label: str, count: int) -> NDArray[np.uint64]:
    """Numbers like those of a stream, but fast and known to everybody: SHAKE-256 of a label.

    >>> public_numbers("trial", 3).size
    3
    """
    return np.frombuffer(hashlib.shake_256(label.encode("utf-8")).digest(8 * count), dtype=">u8").astype(
        np.uint64
    )
