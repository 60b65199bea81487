"""Whether the planner's kernels were compiled on this machine before: the first plan waits for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

FIRST_USE: Final = "The first plan on this machine: the planner is compiled, once, in 10 to 20 seconds."


def is_first_use() -> bool:
    """Must the kernels still be compiled? They are kept beside the program, else in the user's own cache."""
    from becalm.methods import crowd_kernel

    kernel: Any = crowd_kernel.draw_crowd
    kept = kernel._cache.cache_path  # numba tells it nowhere else
    return kept is None or not any(Path(kept).glob("crowd_kernel.draw_crowd-*.nbi"))
