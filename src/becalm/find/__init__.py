"""Which micro-places carry street violence and robbery, how sure is the list, and when in the week?

Eight questions, eight functions:

counts_from_points     How many incidents fell in each cell in each month? From plain arrays, for a notebook.
find_hotspots          Which places are expected to carry most, and how sure is each one's rank?
backtest               How well would each method have foretold where the next month's incidents fell?
choose_targets         Which offence groups are sought, which lend to them, which are kept out?
score_places           What is to be expected of each place, from the months before alone?
choose_places          Which places expect most together under the rules, and what does each rule cost?
select_separated       Which places does taking the best first give, far enough apart?
measure_concentration  How much of the offence lies in how few places, beside chance alone?
"""

from becalm.find.arrays import counts_from_points
from becalm.find.backtest import backtest
from becalm.find.ground import Ground, lay_ground
from becalm.find.hotspots import find_hotspots, measure_concentration
from becalm.find.plugin import Finder, NamedFinder, PastCounts
from becalm.find.rules import Rules, read_hours
from becalm.find.score import score_places
from becalm.find.select import Candidates, choose_places, select_separated
from becalm.find.settings import FindSettings
from becalm.find.targets import Targets, choose_targets

__all__ = [
    "Candidates",
    "FindSettings",
    "Finder",
    "Ground",
    "NamedFinder",
    "PastCounts",
    "Rules",
    "Targets",
    "backtest",
    "choose_places",
    "choose_targets",
    "counts_from_points",
    "find_hotspots",
    "lay_ground",
    "measure_concentration",
    "read_hours",
    "score_places",
    "select_separated",
]
