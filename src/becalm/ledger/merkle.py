"""A tree of hashes over a list that only grows: one root stands for all of it, short proofs for its parts.

A list of 1,000,000 has proofs of 20 hashes. Hashes and leaves are bytes.

Source: RFC 6962 (Certificate Transparency, 2013), section 2.1; RFC 9162 (2021) keeps the same tree.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256().digest()
Peaks = tuple[tuple[int, bytes], ...]  # (leaves below it, its hash), from the greatest to the smallest
NO_PEAKS: Final[Peaks] = ()


def hash_leaf(leaf: bytes) -> bytes:
    """The hash of one leaf; a leaf cannot be taken for a branch."""
    return sha256(b"\x00" + leaf).digest()


def hash_branch(left_hash: bytes, right_hash: bytes) -> bytes:
    """The hash of two branches."""
    return sha256(b"\x01" + left_hash + right_hash).digest()


def append_leaves(peaks: Peaks, leaves: Iterable[bytes]) -> Peaks:
    """The full subtrees that stand after these leaves, which are all that appending more needs.

    >>> [size for size, _ in append_leaves(NO_PEAKS, [b"a", b"b", b"c"])]
    [2, 1]
    """
    # Level by level instead of leaf by leaf: a verification runs this for every entry.
    node_hashes = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    old_peaks, new_peaks, leaf_count = list(peaks), [], 1
    while node_hashes or old_peaks:
        if old_peaks and old_peaks[-1][0] == leaf_count:
            node_hashes.insert(0, old_peaks.pop()[1])
        if len(node_hashes) % 2:
            new_peaks.append((leaf_count, node_hashes.pop()))
        node_pairs = zip(node_hashes[::2], node_hashes[1::2], strict=True)
        node_hashes = [
            sha256(b"\x01" + left_hash + right_hash).digest() for left_hash, right_hash in node_pairs
        ]
        leaf_count *= 2
    return tuple(reversed(new_peaks))


def root_of_peaks(peaks: Peaks) -> bytes:
    """The root of the tree whose full subtrees these are."""
    if not peaks:
        return EMPTY_ROOT
    root_hash = peaks[-1][1]
    for _, peak_hash in reversed(peaks[:-1]):
        root_hash = hash_branch(peak_hash, root_hash)
    return root_hash


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root over all leaves.

    >>> merkle_root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    return root_of_peaks(append_leaves(NO_PEAKS, leaves))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The hashes that lead from the leaf at `index` (from 0) to the root, from the bottom up."""
    return inclusion_proofs(leaves, [index])[0]


def inclusion_proofs(leaves: Sequence[bytes], indexes: Sequence[int]) -> tuple[tuple[bytes, ...], ...]:
    """The same for several leaves: the tree is built once."""
    if not all(0 <= index < len(leaves) for index in indexes):
        raise IndexError(f"leaves {indexes} of {len(leaves)}")
    proofs: list[list[bytes]] = [[] for _ in indexes]
    level, node_indexes = [hash_leaf(leaf) for leaf in leaves], list(indexes)
    while len(level) > 1:
        for proof, node_index in zip(proofs, node_indexes, strict=True):
            # The last of an odd number has no sibling, and stands one level higher as it is.
            proof.extend(level[node_index ^ 1 : (node_index ^ 1) + 1])
        node_indexes = [node_index // 2 for node_index in node_indexes]
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [hash_branch(*pair) for pair in pairs] + level[len(level) & ~1 :]
    return tuple(map(tuple, proofs))


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does this proof show that the leaf stands at `index` (from 0) of the list of `size` with this root?"""
    if not 0 <= index < size:
        return False
    node_index, last_index, node_hash = index, size - 1, hash_leaf(leaf)
    for sibling_hash in proof:
        if last_index == 0:
            return False
        if node_index % 2 or node_index == last_index:
            node_hash = hash_branch(sibling_hash, node_hash)
            # A node at the right edge may have no sibling on some levels: they are passed over.
            while node_index % 2 == 0 and node_index:
                node_index, last_index = node_index // 2, last_index // 2
        else:
            node_hash = hash_branch(node_hash, sibling_hash)
        node_index, last_index = node_index // 2, last_index // 2
    return last_index == 0 and node_hash == root


def consistency_proof(leaves: Sequence[bytes], size: int) -> tuple[bytes, ...]:
    """The hashes that show that the list of the first `size` leaves was only added to."""
    if not 0 <= size <= len(leaves):
        raise IndexError(f"first {size} of {len(leaves)}")
    return _subproof(leaves, size, is_whole=True) if 0 < size < len(leaves) else ()


def _subproof(leaves: Sequence[bytes], size: int, *, is_whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 6962; `is_whole` while the old list is a subtree whose root the reader knows."""
    if size == len(leaves):
        return () if is_whole else (merkle_root(leaves),)
    left_leaf_count = _left_size(len(leaves))
    left_leaves, right_leaves = leaves[:left_leaf_count], leaves[left_leaf_count:]
    if size <= left_leaf_count:
        return (*_subproof(left_leaves, size, is_whole=is_whole), merkle_root(right_leaves))
    return (*_subproof(right_leaves, size - left_leaf_count, is_whole=False), merkle_root(left_leaves))


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
    return _rebuild_roots(old_size, old_root, new_size, list(proof)) == (old_root, new_root)


def _rebuild_roots(
    old_leaf_count: int, old_root: bytes, new_leaf_count: int, proof: list[bytes]
) -> tuple[bytes, bytes] | None:
    """Both roots as the proof gives them (RFC 9162, 2.1.4.2); None where it does not fit the sizes."""
    if old_leaf_count & (old_leaf_count - 1) == 0:
        proof.insert(0, old_root)  # a full old tree is a node of the new one, and so left out of the proof
    if not proof:
        return None
    node_index, last_index = old_leaf_count - 1, new_leaf_count - 1
    while node_index % 2:
        node_index, last_index = node_index // 2, last_index // 2
    old_node = new_node = proof[0]
    for sibling_hash in proof[1:]:
        if last_index == 0:
            return None
        if node_index % 2 or node_index == last_index:
            old_node, new_node = hash_branch(sibling_hash, old_node), hash_branch(sibling_hash, new_node)
            while node_index % 2 == 0 and node_index:
                node_index, last_index = node_index // 2, last_index // 2
        else:
            new_node = hash_branch(new_node, sibling_hash)
        node_index, last_index = node_index // 2, last_index // 2
    return (old_node, new_node) if last_index == 0 else None


def _left_size(leaf_count: int) -> int:
    """The greatest power of two below `leaf_count`."""
    return 1 << (leaf_count - 1).bit_length() - 1
