"""becalm: run a city-wide violence-reduction programme.

Eight jobs, one word each: measure, find, patrol, divert, staff, record, sustain, evaluate. In a notebook the
questions are one call each, on a data frame or on a workspace:

compare       How does a period compare with the same period of other years, and how sure is that?
hotspots      Which places are expected to carry most incidents, and how sure is each one's rank?
backtest      How well would each method have predicted each of the last months?
near_repeats  After one incident, is another one nearby soon more likely than chance alone explains?
certify       How well can someone who has watched every visit predict the next one?
open          Open a workspace, to ask it the same questions.
"""

import lazy_loader

__version__ = "0.1.0"
__all__ = ["backtest", "certify", "compare", "hotspots", "near_repeats", "open"]
__getattr__, _, _ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    """The questions alone; the jobs (`becalm.find`, ...) are there for those who want the parts."""
    return list(__all__)
