"""Which micro-places carry street violence and robbery, how sure is the list, and when in the week?

Eight questions, eight functions:

counts_from_points     How many incidents fell in each cell in each month? From plain arrays, for a notebook.
find_hotspots          Which places are expected to carry most, and how sure is each one's rank?
backtest               How well would each method have predicted where the next month's incidents fell?
choose_targets         Which offence groups are looked for, which lend to them, which are kept out?
forecast_counts        What is to be expected of each place, from the months before alone?
choose_places          Which places expect most together under the rules, and what does each rule cost?
select_separated       Which places does taking the best first give, far enough apart?
measure_concentration  How much of the offence lies in how few places, beside chance alone?
"""

import re

import lazy_loader

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    """The questions alone: what `dir` and completion show."""
    return [line.split()[0] for line in (__doc__ or "").splitlines() if re.match(r"\w+  ", line)]
