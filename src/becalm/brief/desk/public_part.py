"""The briefing for the public: what everybody may see, with small counts withheld, in short sentences."""

from becalm.brief.desk import plan as plans
from becalm.brief.part import BriefingPart, Pins
from becalm.desk import Desk
from becalm.measure.core.public import withhold_rows
from becalm.measure.core.request import CompareRequest
from becalm.measure.desk import compare
from becalm.measure.desk.public import withhold_comparison
from becalm.measure.files import comparison as comparison_text
from becalm.measure.files import sentences
from becalm.render import number_format
from becalm.render.pages import self_contained
from becalm.terms import RunRecord

PUBLIC_JOB, PUBLIC_HEADING = "public", "For the public"
PUBLIC_PAGE = "public/index.html"


def make_public_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """The page for the public. What is withheld is decided once, beside all former releases, and pinned."""
    plan = plans.read_plan(run)
    request = CompareRequest(period=plan.period, baseline=plan.baselines[:1], by=plan.by, source=plan.source)
    comparison = compare(desk, request, known_at=run.made_at)
    if pins is None:
        comparison = withhold_comparison(desk, comparison)
        pins = {"withheld": sorted(row.group for row in comparison.rows if row.is_withheld)}
    else:
        comparison = withhold_rows(comparison, frozenset(pins["withheld"]))
    city = desk.workspace.city.name if desk.workspace.config.city.chosen else ""
    page = self_contained(
        "public.html",
        {"sentences": sentences},
        title=f"What changed in {number_format.period(comparison.period)}",
        subtitle=f"For everybody{f' in {city}' if city else ''}",
        job="briefing",
        version=f"becalm {run.version}",
        colophon=f"Made by becalm {run.version} on {number_format.instant(run.made_at)}.",
        c=comparison,
        headings=comparison_text.TEXT_COLUMNS,
        rows=tuple(comparison_text.comparison_lines(comparison)),
        below=desk.workspace.config.public.withheld_below,
        withheld_count=len(pins["withheld"]),
        count=plan.count,
        cell_m=plan.cell_m,
        patrol=str(run.parameters.get("patrol") or ""),
    )
    lead = f"{PUBLIC_PAGE} is the page for the public. Rows withheld from it: {len(pins['withheld'])}."
    return BriefingPart(PUBLIC_JOB, PUBLIC_HEADING, lead=lead, files={PUBLIC_PAGE: page}), pins
