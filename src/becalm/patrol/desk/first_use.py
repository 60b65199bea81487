"""Whether the planner's kernels were compiled on this machine before: the first plan waits for that."""

from __future__ import annotations

from typing import Any, Final

FIRST_USE: Final = "The first plan on this machine: the planner is compiled, once, in 10 to 20 seconds."


def is_first_use() -> bool:
    """Must a kernel still be compiled? They are kept beside the program, else in the user's own cache.

    What was compiled from an older version of becalm is of no use, and counts as nothing.
    """
    from becalm.methods.routes import (
        sequential_expectation as crowd_expect,
    )
    from becalm.methods.routes import (
        sequential_kernel as crowd_kernel,
    )

    kernels: tuple[Any, ...] = (crowd_expect.expect_crowd, crowd_kernel.draw_crowd)
    kept = (kernel._cache._cache_file for kernel in kernels)  # numba tells it nowhere else
    return not all(file._load_index() for file in kept)
