"""For the auditor: the chance of a start in every quarter of an hour, and the hash of every file."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from becalm.patrol.core.request import Propensities

PROPENSITY_DECIMALS = 6
SUMS = "sha256.txt"


def propensities_csv(given: Propensities) -> bytes:
    """The propensities as gzipped CSV: hotspot, cell_start (UTC), propensity; every cell of every place.

    The same bytes for the same propensities where the same zlib compresses them.
    """
    hotspots, cells = len(given.hotspots), given.start.shape[1]
    starts = [
        (given.first_cell + timedelta(minutes=given.cell_minutes * c)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for c in range(cells)
    ]
    table = pa.table(
        {
            "hotspot": _repeated(given.hotspots, np.repeat(np.arange(hotspots), cells)),
            "cell_start": _repeated(tuple(starts), np.tile(np.arange(cells), hotspots)),
            "propensity": np.round(given.start.reshape(-1), PROPENSITY_DECIMALS) + 0.0,  # never -0
        }
    )
    out = io.BytesIO()
    out.write(b"hotspot,cell_start,propensity\n")
    pc.write_csv(table, out, pc.WriteOptions(include_header=False, quoting_style="needed"))
    return gzip.compress(out.getvalue(), compresslevel=6, mtime=0)


def sums_of(files: Mapping[str, str | bytes]) -> str:
    """The SHA-256 of every file, as `sha256sum --check` reads it."""
    return "".join(f"{sha256_of_text(held)}  {name}\n" for name, held in sorted(files.items()))


def sha256_of_text(held: str | bytes) -> str:
    """The SHA-256 of a text (in UTF-8) or of bytes."""
    return hashlib.sha256(held.encode() if isinstance(held, str) else held).hexdigest()


def _repeated(words: tuple[str, ...], index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(words)).dictionary_decode()
