"""Records that lie far from all others: a slip in coordinates would stretch the ground over half a country.

Without a boundary the places that compete lie where records lie. Two records with their digits swapped would
make the ground between them and the city part of every smoothing, and of the memory that it takes.
"""

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.tables import PlaceCounts, PointCounts

BLOCK_M = 5_000.0
GAP_BLOCKS = 3.0  # corners of blocks; between records of two blocks so far apart lie at least 10 km
LEAST_GAP_KM = 10
MOST_STRAY_SHARE = 0.005  # of all records: more than that is a part of the city, or another city


Counts = TypeVar("Counts", PlaceCounts, PointCounts)


def drop_strays(counts: Counts) -> tuple[Counts, tuple[str, ...]]:
    """The counts without the records that lie more than 10 km from all others, and a warning where any do."""
    if not len(counts.counts):  # that no record has a place is refused with better words elsewhere
        return counts, ()
    if isinstance(counts, PlaceCounts):
        is_stray = find_strays(
            np.asarray(counts.columns * counts.cell_m, dtype=np.float64),
            np.asarray(counts.rows * counts.cell_m, dtype=np.float64),
            counts.counts,
        )
    else:
        is_stray = find_strays(counts.easting_m, counts.northing_m, counts.counts)
    if not is_stray.any():
        return counts, ()
    entry_arrays: dict[str, Any] = {
        name: values[~is_stray]
        for name in (f.name for f in fields(counts))
        if isinstance(values := getattr(counts, name), np.ndarray)
    }
    stray_count = int(counts.counts[is_stray].sum())
    warning = (
        f"Left out as stray: {stray_count:,} {'record' if stray_count == 1 else 'records'} more than "
        f"{LEAST_GAP_KM} km from all others. Correct their coordinates, or give the city's boundaries."
    )
    return replace(counts, **entry_arrays), (warning,)


def find_strays(easting_m: Floats, northing_m: Floats, records: Ints) -> Bools:
    """Which entries lie in a group of records that is far from the others, and holds few of them?

    `records` are counts by entry; coordinates are in metres. Records within 10 km of one another belong to
    one group; the groups that hold at most a two-hundredth of all records together are stray.
    """
    block_columns, block_rows = (
        np.floor(axis_m / BLOCK_M).astype(np.int64) for axis_m in (easting_m, northing_m)
    )
    row_span = block_rows.max() - block_rows.min() + 1
    block_keys, block_of_entry = np.unique(
        (block_columns - block_columns.min()) * row_span + block_rows - block_rows.min(), return_inverse=True
    )
    near_block_pairs = KDTree(np.column_stack(np.divmod(block_keys, row_span))).query_pairs(
        GAP_BLOCKS, output_type="ndarray"
    )
    is_near = coo_array(
        (np.ones(len(near_block_pairs), dtype=bool), (near_block_pairs[:, 0], near_block_pairs[:, 1])),
        shape=(len(block_keys), len(block_keys)),
    )
    group_of_entry = connected_components(is_near, directed=False)[1][block_of_entry]
    record_count_of_group = np.bincount(group_of_entry, records)
    is_small_group = record_count_of_group <= MOST_STRAY_SHARE * record_count_of_group.sum()
    if record_count_of_group[is_small_group].sum() > MOST_STRAY_SHARE * record_count_of_group.sum():
        return np.zeros(len(records), dtype=bool)
    return np.asarray(is_small_group[group_of_entry])
