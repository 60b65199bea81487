"""The linear programme's engine, opened without the lines that it prints by itself."""

import os
import sys
from pathlib import Path
from typing import Any

from becalm.terms import load_extra


def open_engine() -> Any:
    """A new HiGHS that prints nothing.

    From version 1.16 on its constructor writes two lines to the process's output before it can be silenced;
    they would stand in the middle of JSON.

    Raises DependencyError where highspy is not installed.
    """
    highspy = load_extra("highspy", "staff", "A proven bound", "give `work 0`: a roster without a bound")
    sys.stdout.flush()
    output_copy = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
        engine = highspy.Highs()
        engine.silent()
    finally:
        os.dup2(output_copy, 1)
        os.close(output_copy)
    return engine
