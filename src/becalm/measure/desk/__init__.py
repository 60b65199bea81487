"""Reads, asks the core, records; all that other jobs may call."""

from becalm.measure.desk.comparisons import compare
from becalm.measure.desk.delay import measure_delay
from becalm.measure.desk.expected import expect
from becalm.measure.desk.key_figures import compare_key_figures
from becalm.measure.desk.public import PublicFigure, withhold_figures
from becalm.measure.desk.revisions import trace_revisions
from becalm.measure.desk.steps import active_steps, declare_step, end_declared_step

__all__ = [
    "PublicFigure",
    "active_steps",
    "compare",
    "compare_key_figures",
    "declare_step",
    "end_declared_step",
    "expect",
    "measure_delay",
    "trace_revisions",
    "withhold_figures",
]
