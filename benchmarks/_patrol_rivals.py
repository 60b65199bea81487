"""Other ways of planning the same tours with the same dosage: what patrol software does today.

Each takes a request and gives visits as rows (unit, hotspot, start, end in seconds since 1970). Rivals know
the targets of the whole week and go where they call; what they lack is chance.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import groupby

import numpy as np

from becalm.patrol.core.plan_inputs import PlanInputs, UnitShift

Row = tuple[str, str, int, int]
Score = Callable[[np.ndarray], np.ndarray]
MINUTE, BURST_MINUTES, WAIT_MINUTES, JITTER_MINUTES = 60, 15, 5, 20
CALL_AGAIN = 0.6  # a place is due when so much of a visit has built up: gives the dosage that was asked for


def most_overdue(request: PlanInputs, rng: np.random.Generator, *, noise: float = 0.0) -> list[Row]:
    """Each unit that is free goes to the place where most is owed; `noise` blurs what it thinks is owed."""
    rows: list[Row] = []
    for area, shifts in by_area(request):
        rows += _overdue_in(request, area, shifts, rng, noise)
    return rows


def fixed_rota(request: PlanInputs, rng: np.random.Generator) -> list[Row]:
    """The first week's tours repeated for ever, each visit up to 20 minutes early or late."""
    first = [
        row for row in most_overdue(request, rng) if row[2] < _epoch(request.first_day + timedelta(days=7))
    ]
    week, length = 7 * 86_400, request.days // 7
    rows = []
    for unit, hotspot, start, end in first:
        for number in range(length):
            late = int(rng.integers(-JITTER_MINUTES * MINUTE, JITTER_MINUTES * MINUTE + 1))
            rows.append((unit, hotspot, start + number * week + late, end + number * week + late))
    return rows


def vroom_routes(request: PlanInputs, rng: np.random.Generator) -> list[Row]:
    """Every day's visits of each place, spread over the day by windows, routed at least cost by VROOM."""
    rows: list[Row] = []
    for area, shifts in by_area(request):
        owed = {p.hotspot: float(rng.random()) for p in request.places if p.area == area}
        for _, tours in groupby(sorted(shifts, key=lambda s: (s.day, s.unit)), key=lambda s: s.day):
            rows += _vroom_day(request, area, list(tours), owed)
    return rows


def by_area(request: PlanInputs) -> Iterator[tuple[str, list[UnitShift]]]:
    """The tours of each area."""
    for area in sorted({place.area for place in request.places}):
        yield area, [shift for shift in request.shifts if shift.area == area]


def _overdue_in(
    request: PlanInputs, area: str, shifts: list[UnitShift], rng: np.random.Generator, noise: float
) -> list[Row]:
    places = [p for p in request.places if p.area == area]
    rate = (
        np.array([p.dosage.visits_per_day for p in places])[:, None]
        * 7
        * np.array([p.profile for p in places])
    )
    weekday = request.first_day.weekday()
    origin = _epoch(request.first_day)
    built = np.concatenate(
        [np.zeros((len(places), 1)), np.cumsum(np.tile(rate, (1, request.days // 7 + 2)), axis=1)], axis=1
    )

    def until(second: float) -> np.ndarray:
        hour = (second - origin) / 3600 + weekday * 24
        whole = int(hour)
        return built[:, whole] + (hour - whole) * (built[:, whole + 1] - built[:, whole])

    visits_given = until(origin) + rng.uniform(-1, 0.5, len(places))
    ways = {mode: _minutes(request, mode, [p.hotspot for p in places]) for mode in request.travel}
    busy_until = np.zeros(len(places))
    waiting = [(s.hours.start.timestamp(), k, -1, False) for k, s in enumerate(shifts)]
    heapq.heapify(waiting)
    rows: list[Row] = []
    while waiting:
        now, k, at, eaten = heapq.heappop(waiting)
        shift = shifts[k]
        middle = shift.hours.start.timestamp() + 3.5 * 3600
        if not eaten and shift.meal_minutes and now >= middle:
            heapq.heappush(waiting, (now + shift.meal_minutes * MINUTE, k, at, True))
            continue
        out, home = ways[shift.mode]
        arrive = (
            now + (out[at] if at >= 0 else home[shift.base]) * MINUTE + request.policy.settle_minutes * MINUTE
        )
        feasible = (
            arrive + BURST_MINUTES * MINUTE + home[shift.base] * MINUTE <= shift.hours.end.timestamp()
        ) & (arrive >= busy_until)
        owed = (until(now) - visits_given) * np.exp(noise * rng.standard_normal(len(places)))
        if not feasible.any() or (owed[feasible].max() < CALL_AGAIN):
            later = now + WAIT_MINUTES * MINUTE
            if later < shift.hours.end.timestamp():
                heapq.heappush(waiting, (later, k, at, eaten))
            continue
        best = int(np.argmax(np.where(feasible, owed, -np.inf)))
        start, end = int(arrive[best]), int(arrive[best]) + BURST_MINUTES * MINUTE
        rows.append((shift.unit, places[best].hotspot, start, end))
        visits_given[best] += 1.0
        busy_until[best] = end
        heapq.heappush(waiting, (end, k, best, eaten))
    return rows


def _vroom_day(request: PlanInputs, area: str, tours: list[UnitShift], owed: dict[str, float]) -> list[Row]:
    import vroom

    places = [p for p in request.places if p.area == area]
    stops = [p.hotspot for p in places] + [tours[0].base]
    problem = vroom.Input()
    for name in request.travel:
        table = request.travel[name]
        at = [table.stops.index(stop) for stop in stops]
        seconds = np.ceil(table.minutes[np.ix_(at, at)] * MINUTE + request.policy.settle_minutes * MINUTE)
        np.fill_diagonal(seconds, 0)
        problem.set_durations_matrix(profile=name, matrix_input=seconds.astype(np.uint32))
    begin = min(int(t.hours.start.timestamp()) for t in tours)
    finish = max(int(t.hours.end.timestamp()) for t in tours)
    for k, tour in enumerate(tours):
        start, end = int(tour.hours.start.timestamp()), int(tour.hours.end.timestamp())
        meal = vroom.Break(
            k, [vroom.TimeWindow(start + 3 * 3600, end - 3 * 3600)], tour.meal_minutes * MINUTE
        )
        problem.add_vehicle(
            vroom.Vehicle(
                k,
                start=len(places),
                end=len(places),
                profile=tour.mode,
                time_window=(start, end),
                breaks=[meal],
            )
        )
    jobs: list[str] = []
    for j, place in enumerate(places):
        owed[place.hotspot] += place.dosage.visits_per_day
        visits = int(owed[place.hotspot])
        owed[place.hotspot] -= visits
        for k in range(visits):
            window = (begin + (finish - begin) * k // visits, begin + (finish - begin) * (k + 1) // visits)
            problem.add_job(
                vroom.Job(
                    len(jobs),
                    location=j,
                    default_service=BURST_MINUTES * MINUTE,
                    time_windows=[vroom.TimeWindow(*window)],
                )
            )
            jobs.append(place.hotspot)
    solved = problem.solve(exploration_level=1, nb_threads=1).routes
    visits_made = solved[solved["type"] == "job"]
    return [
        (tours[int(v)].unit, jobs[int(i)], int(a + w), int(a + w) + BURST_MINUTES * MINUTE)
        for v, i, a, w in zip(
            visits_made["vehicle_id"],
            visits_made["id"],
            visits_made["arrival"],
            visits_made["waiting_time"],
            strict=True,
        )
    ]


def _minutes(request: PlanInputs, mode: str, hotspots: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Minutes between places, and from each base to them."""
    table = request.travel[mode]  # type: ignore[index]  # a mode by its word
    at = [table.stops.index(h) for h in hotspots]
    home = {b.base: table.minutes[table.stops.index(b.base), at] for b in request.bases}
    return table.minutes[np.ix_(at, at)], home


def _epoch(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400
