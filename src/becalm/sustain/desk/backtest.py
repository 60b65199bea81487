"""The back-test of alarms: reads the weeks before the first step, asks the core, hands the rows back."""

from dataclasses import dataclass

from becalm.desk import Desk
from becalm.sustain.core.alarms import GROUP_ALARM, NamedAlarm
from becalm.sustain.core.backtest import Backtest, PlantedRebound, backtest_alarms
from becalm.sustain.core.request import BacktestRequest
from becalm.sustain.core.run_watch import history_world
from becalm.sustain.core.series import cut_before_steps
from becalm.sustain.core.thresholds import Budget
from becalm.sustain.desk.series import load_series
from becalm.sustain.desk.watch import installed_alarms, load_alarm


@dataclass(frozen=True, slots=True)
class BacktestAnswer:
    """The back-test, and whose records it was made of."""

    backtest: Backtest
    source: str
    weeks: int


def backtest(desk: Desk, request: BacktestRequest) -> BacktestAnswer:
    """How soon would each installed alarm have found a rebound planted into the force's own series?"""
    alarms: tuple[NamedAlarm, ...] = tuple(
        load_alarm(name) for name in installed_alarms() if name != GROUP_ALARM
    )
    loaded_series = load_series(desk, request)
    history = cut_before_steps(loaded_series.series, loaded_series.steps)
    settings = desk.workspace.config.sustain
    rebound = PlantedRebound(request.fall, request.weeks, request.to)
    world = history_world(history, fall=request.fall)
    result = backtest_alarms(
        history.counts,
        world,
        alarms,
        rebound,
        Budget(settings.false_alarms_per_year, 0.0),
        runs=request.runs,
        seed=desk.draw_seed() if request.seed is None else request.seed,
    )
    return BacktestAnswer(result, loaded_series.source.key, len(history.mondays))
