"""What else explains a fall, as JSON, as rows and as the lines of a screen."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from becalm.evaluate.core.anyway import AnywayReport
from becalm.render.number_format import percent
from becalm.terms import Estimate


def anyway_object(report: AnywayReport) -> dict[str, Any]:
    """The whole answer as plain data. What is left has no value of its own: it is a range."""
    return {
        "period": str(report.period),
        "offence_groups": list(report.offence_groups),
        "count": report.count,
        "expected": _rounded(report.expected),
        "ratio": _rounded(report.ratio),
        "reasons": anyway_rows(report),
        "left": {"low": round(report.left_low, 4), "high": round(report.left_high, 4)},
        "limits": list(report.limits),
        "words": report.words,
        "data": {"source": report.source, "as_of": report.as_of},
    }


def _rounded(estimate: Estimate) -> dict[str, Any]:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(estimate).items()}


def anyway_rows(report: AnywayReport) -> list[dict[str, Any]]:
    """One row for each reason."""
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(reason).items()}
        for reason in report.reasons
    ]


def anyway_lines(report: AnywayReport) -> Iterator[str]:
    """What a reader of the screen wants to know."""
    yield (
        f"{', '.join(report.offence_groups)}, {report.period}: {report.count:,} counted, "
        f"{report.expected.value:,.0f} expected."
    )
    yield report.words
    yield ""
    for reason in report.reasons:
        left_text = f"{percent(100 * reason.left_low, 0)} to {percent(100 * reason.left_high, 0)}"
        yield f"  beside {reason.name}: {left_text} left"
        yield f"    {reason.says}"
    yield "Why no more can be said:"
    for limit in report.limits:
        yield f"  {limit}"
    yield f"Records: {report.source}, as of {report.as_of}."
