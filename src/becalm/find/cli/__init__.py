"""The commands of find, and how they print."""

from becalm.find.cli import backtest, explanations, overrides_and_splits  # each hangs its commands on the app
from becalm.find.cli.hotspots import app

__all__ = ["app", "backtest", "explanations", "overrides_and_splits"]
