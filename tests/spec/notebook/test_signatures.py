"""The names and parameters of the Python face are a promise: a change needs a note for those who upgrade."""

import inspect

import pytest

import becalm

SIGNATURES = {
    "backtest": """
        points, count=250, cell_m=150.0, boundary=None, date='date', group=None, target=(),
        x='easting_m', y='northing_m', crs=None, from_crs=None, unit='square', origins=12,
        area_share=0.01, finder='blend', seed=None, time_zone='UTC', location_quality='exact',
        id=None, source='data frame'
    """,
    "certify": """
        visits, hotspot_column='hotspot', start_column='start', end_column='end',
        unit_column='unit', area_column='area', train_days=56, test_days=14, seeds=1, seed=1,
        time_zone='Europe/London'
    """,
    "compare": """
        frame, date='date', group=None, period=None, baseline=(), offence_group=(), align='windows',
        level=0.95, suppress_below=50, holidays='', time_zone='UTC', id=None, source='data frame'
    """,
    "hotspots": """
        points, count=250, cell_m=150.0, boundary=None, date='date', group=None, target=(),
        x='easting_m', y='northing_m', crs=None, from_crs=None, unit='square', separation_m=0.0,
        when=None, finder='blend', seed=None, time_zone='UTC', location_quality='exact', id=None,
        source='data frame'
    """,
    "near_repeats": """
        points, metres=(100, 200, 400), days=(7, 14, 28), date='date', group=None, target=(),
        x='easting_m', y='northing_m', crs=None, from_crs=None, manhattan=False, orders=999,
        seed=None, time_zone='UTC', id=None, source='data frame'
    """,
    "open": """
        workspace
    """,
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_question_keeps_its_parameters_and_their_defaults(name: str) -> None:
    parameters = list(inspect.signature(getattr(becalm, name)).parameters.values())
    texts = (p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
    assert ", ".join(texts) == " ".join(SIGNATURES[name].split())
    assert {p.kind for p in parameters[1:]} <= {inspect.Parameter.KEYWORD_ONLY}


def test_there_is_no_question_without_a_promise() -> None:
    assert sorted(SIGNATURES) == dir(becalm) == sorted(becalm.__all__)
