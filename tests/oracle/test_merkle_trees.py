"""The Merkle tree against the published vectors of Certificate Transparency, and against brute force."""

from __future__ import annotations

from hashlib import sha256

import pytest

from becalm.ledger.merkle import (
    NO_PEAKS,
    append_leaves,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    merkle_root,
    root_of_peaks,
)

# The leaves and roots of the reference tests of Certificate Transparency (merkle tree, 8 leaves).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def brute_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return sha256(b"\x00" + leaves[0]).digest() if leaves else sha256().digest()
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return sha256(b"\x01" + brute_root(leaves[:middle]) + brute_root(leaves[middle:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out(size: int) -> None:
    assert merkle_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_growing_leaf_by_leaf_gives_the_root_of_the_definition() -> None:
    leaves = [str(n).encode() for n in range(70)]
    peaks = NO_PEAKS
    for n, leaf in enumerate(leaves):
        peaks = append_leaves(peaks, [leaf])
        assert root_of_peaks(peaks) == brute_root(leaves[: n + 1])


def test_every_proof_proves_its_leaf_and_no_other() -> None:
    for size in range(1, 34):
        leaves = [str(n).encode() for n in range(size)]
        root = merkle_root(leaves)
        for index in range(size):
            proof = inclusion_proof(leaves, index)
            assert is_included(leaves[index], index, size, proof, root)
            assert not is_included(b"other", index, size, proof, root)
            assert not is_included(leaves[index], index + 1, size, proof, root)
            assert not is_included(leaves[index], index, size, (*proof, root), root)
            assert not proof or not is_included(leaves[index], index, size, proof[1:], root)


def test_every_growth_proves_that_it_was_only_added_to() -> None:
    for size in range(34):
        leaves = [str(n).encode() for n in range(size)]
        rewritten = [b"other", *leaves[1:]]
        for before in range(size + 1):
            proof = consistency_proof(leaves, before)
            old = merkle_root(leaves[:before])
            assert is_consistent(before, old, size, merkle_root(leaves), proof)
            if before:
                assert not is_consistent(before, old, size, merkle_root(rewritten), proof)
                wrong = consistency_proof(rewritten, before)
                assert not is_consistent(before, old, size, merkle_root(rewritten), wrong)
            assert not is_consistent(before, old, size, merkle_root(leaves), (*proof, old))
    assert not is_consistent(2, b"", 1, b"", ())


def test_no_proof_is_made_of_what_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_proof([b"a"], 1)
    with pytest.raises(IndexError):
        consistency_proof([b"a"], 2)
