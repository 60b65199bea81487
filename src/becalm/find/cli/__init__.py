"""The commands of find, and how they print."""

from becalm.find.cli import backtest, decisions, explanations  # each hangs its commands on the app
from becalm.find.cli.hotspots import app

__all__ = ["app", "backtest", "decisions", "explanations"]
