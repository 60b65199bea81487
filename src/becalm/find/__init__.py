"""Which micro-places carry street violence and robbery, how sure is the list, and when in the week?

Six questions, six functions:

find_hotspots          Which places are expected to carry most, and how sure is each one's rank?
backtest               How well would each method have foretold where the next month's incidents fell?
choose_targets         Which offence groups are sought, which lend to them, which are kept out?
score_places           What is to be expected of each place, from the months before alone?
select_separated       Which of the best places are far enough apart?
measure_concentration  How much of the offence lies in how few places, beside chance alone?
"""

from becalm.find.backtest import backtest
from becalm.find.ground import Ground, lay_ground
from becalm.find.hotspots import find_hotspots, measure_concentration
from becalm.find.score import score_places
from becalm.find.select import select_separated
from becalm.find.settings import FindSettings
from becalm.find.targets import Targets, choose_targets

__all__ = [
    "FindSettings",
    "Ground",
    "Targets",
    "backtest",
    "choose_targets",
    "find_hotspots",
    "lay_ground",
    "measure_concentration",
    "score_places",
    "select_separated",
]
