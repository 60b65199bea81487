"""A tree of hashes over a list that only grows: one root stands for all of it, short proofs for its parts.

A list of 1,000,000 has proofs of 20 hashes. Hashes and leaves are bytes.

Source: RFC 6962 (Certificate Transparency, 2013), section 2.1; RFC 9162 (2021) keeps the same tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256().digest()
Peaks = tuple[tuple[int, bytes], ...]  # (leaves below it, its hash), from the greatest to the smallest
NO_PEAKS: Final[Peaks] = ()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf; a leaf cannot be taken for a branch."""
    return sha256(b"\x00" + leaf).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two branches."""
    return sha256(b"\x01" + left + right).digest()


def grow(peaks: Peaks, leaves: Iterable[bytes]) -> Peaks:
    """Append leaves: the full subtrees that stand after them, which are all that growing on needs.

    >>> [size for size, _ in grow(NO_PEAKS, [b"a", b"b", b"c"])]
    [2, 1]
    """
    sizes, hashes = [size for size, _ in peaks], [peak for _, peak in peaks]
    for leaf in leaves:
        size, top = 1, sha256(b"\x00" + leaf).digest()
        while sizes and sizes[-1] == size:
            sizes.pop()
            top = sha256(b"\x01" + hashes.pop() + top).digest()
            size += size
        sizes.append(size)
        hashes.append(top)
    return tuple(zip(sizes, hashes, strict=True))


def peaks_root(peaks: Peaks) -> bytes:
    """The root of the tree whose full subtrees these are."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1][1]
    for _, peak in reversed(peaks[:-1]):
        root = branch_hash(peak, root)
    return root


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root over all leaves.

    >>> merkle_root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    return peaks_root(grow(NO_PEAKS, leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` (from 0) to the root, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    if len(leaves) == 1:
        return ()
    middle = _split(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if index < middle:
        return (*inclusion_proof(left, index), merkle_root(right))
    return (*inclusion_proof(right, index - middle), merkle_root(left))


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does this proof show that the leaf stands at `index` (from 0) of the list of `size` with this root?"""
    if not 0 <= index < size:
        return False
    node, last, here = index, size - 1, leaf_hash(leaf)
    for part in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            here = branch_hash(part, here)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            here = branch_hash(here, part)
        node, last = node // 2, last // 2
    return last == 0 and here == root


def consistency_proof(leaves: Sequence[bytes], size: int) -> tuple[bytes, ...]:
    """The hashes that show that the list of the first `size` leaves was only added to."""
    if not 0 <= size <= len(leaves):
        raise IndexError(f"first {size} of {len(leaves)}")
    return _steps(leaves, size, whole=True) if 0 < size < len(leaves) else ()


def _steps(leaves: Sequence[bytes], size: int, *, whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962; `whole` while the old list is a subtree whose root the reader knows."""
    if size == len(leaves):
        return () if whole else (merkle_root(leaves),)
    middle = _split(len(leaves))
    left, right = leaves[:middle], leaves[middle:]
    if size <= middle:
        return (*_steps(left, size, whole=whole), merkle_root(right))
    return (*_steps(right, size - middle, whole=False), merkle_root(left))


def is_consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Does this proof show that the longer list begins with the shorter one, unaltered?"""
    if old_size > new_size or (old_size in (0, new_size) and proof):
        return False
    if old_size == new_size:
        return old_root == new_root
    if old_size == 0:
        return old_root == EMPTY_ROOT
    return _walk(old_size, old_root, new_size, new_root, list(proof))


def _walk(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Rebuild both roots from the proof (RFC 9162, section 2.1.4.2)."""
    if old_size & (old_size - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    node, last = old_size - 1, new_size - 1
    while node % 2:
        node, last = node // 2, last // 2
    old = new = proof[0]
    for part in proof[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old, new = branch_hash(part, old), branch_hash(part, new)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            new = branch_hash(new, part)
        node, last = node // 2, last // 2
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """The greatest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
