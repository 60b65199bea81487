"""What stands beside a run: another one asked the same, and the page of each place on a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup

from becalm.app import rights
from becalm.app.site import run_list
from becalm.app.site.act_pages import address_of_act
from becalm.app.site.context import NotThereError, Site, require_run, site_of
from becalm.app.site.frame import render
from becalm.app.site.job_pages import find_run
from becalm.app.worker import field_label
from becalm.console.run_folder import FrozenRun, read_answer

OTHERS_SHOWN = 30
PLACE = "place_id"
DAYS = ("Hour", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OVERRIDE = "find override"
router = APIRouter(include_in_schema=False)


@router.get("/{job}/runs/{key}/beside")
def choose_other(request: Request, job: str, key: str) -> Response:
    """Choose the run that stands beside this one: the newest that answer the same question."""
    require_run(request, job)
    site, run = site_of(request), find_run(site_of(request), job, key)
    same_runs = [
        candidate_run
        for candidate_run in run_list.newest_runs(site, job)
        if candidate_run.record.question == run.record.question and candidate_run.key != key
    ]
    return render(
        request,
        "site_beside.html",
        "Two runs side by side",
        job=job,
        key=key,
        sides=[],
        candidates=[run_list.describe_run(site, candidate_run) for candidate_run in same_runs[:OTHERS_SHOWN]],
    )


@router.get("/{job}/runs/{key}/beside/{other_key}")
def show_beside(request: Request, job: str, key: str, other_key: str) -> Response:
    """Two runs of one question, each as it was frozen; nothing is worked out between them."""
    require_run(request, job)
    site = site_of(request)
    runs = [find_run(site, job, run_key) for run_key in (other_key, key)]
    if runs[0].record.question != runs[1].record.question:
        raise NotThereError
    sides = [(run_list.describe_run(site, run), _blocks_of(run)) for run in runs]
    title = "Two runs side by side"
    return render(request, "site_beside.html", title, job=job, key=key, sides=sides, candidates=[])


def _blocks_of(run: FrozenRun) -> list[dict[str, Any]]:
    return [
        {"picture": Markup(block["picture"])} if "picture" in block else block for block in run.page["blocks"]
    ]


@router.get("/find/runs/{key}/places")
def show_places(request: Request, key: str) -> Response:
    """The places of a list, each with a way to its page."""
    require_run(request, "find")
    site, run = site_of(request), find_run(site_of(request), "find", key)
    return render(
        request,
        "site_places.html",
        "Places of a list",
        key=key,
        run=run_list.describe_run(site, run),
        places=[(place[PLACE], _place_name(place)) for place in _read_places(site, run)],
    )


@router.get("/find/runs/{key}/places/{place_id:path}")
def show_place(request: Request, key: str, place_id: str) -> Response:
    """The profile of a place, as the run has it, and on which of the newest lists it stands."""
    visitor, site = require_run(request, "find"), site_of(request)
    run = find_run(site, "find", key)
    page, places = site.pages["find"], _read_places(site, run)
    place = next((place for place in places if place[PLACE] == place_id), None)
    if place is None:
        raise NotThereError
    labels = page.profiled[run.record.question]
    return render(
        request,
        "site_place.html",
        _place_name(place),
        key=key,
        place_id=place_id,
        run=run_list.describe_run(site, run),
        facts=[
            (labels.get(name) or field_label(name), _fact_text(value)) for name, value in _flat_facts(place)
        ],
        picture=page.place_picture(place) if page.place_picture and place.get("profile") else "",
        week=_week_rows(place.get("profile") or []),
        days=DAYS,
        override=address_of_act(OVERRIDE) if rights.may_act(visitor.role, OVERRIDE) else "",
    )


def _read_places(site: Site, run: FrozenRun) -> list[Mapping[str, Any]]:
    """The properties of every place of a list, in the order of their ranks; none where it is no list."""
    content = read_answer(run, ".geojson")
    if run.record.question not in site.pages[run.job].profiled or content is None:
        raise NotThereError
    return [feature["properties"] for feature in json.loads(content)["features"]]


def _week_rows(shares: list[float]) -> list[list[str]]:
    """The share of each hour of the week, hours down and days across; none where no times are known."""
    days = [shares[start : start + 24] for start in range(0, len(shares), 24)]
    return [
        [f"{hour:02}:00", *(f"{share:.1%}" for share in row)]
        for hour, row in enumerate(zip(*days, strict=True))
    ]


def _place_name(place: Mapping[str, Any]) -> str:
    return f"Rank {place['rank']}: {place.get('name') or place[PLACE]}"


def _flat_facts(place: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Facts by name, those of a part beside the others; of the week only its busiest hours are told."""
    facts: list[tuple[str, Any]] = []
    for name, value in place.items():
        if isinstance(value, dict):
            facts += [(f"{name}_{part}", part_value) for part, part_value in value.items()]
        elif not isinstance(value, list):
            facts.append((name, value))
    return facts


def _fact_text(value: object) -> str:
    return "not known" if value in (None, "") else f"{value:,}" if isinstance(value, int) else str(value)
