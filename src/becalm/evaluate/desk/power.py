"""How likely an effect is to be found: each design's own recipe, on what the past was like."""

from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core import count_study, past_days, power, power_of_draws, start_days, trial_study
from becalm.evaluate.core.look_at_design import blind_protocol
from becalm.evaluate.core.power_of_places import assess_places_power
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.request import PowerRequest
from becalm.evaluate.core.study import StudyPlaces
from becalm.evaluate.desk.studies import Study, load_arms, load_study
from becalm.evaluate.files.own_counts import read_waves
from becalm.methods.arrays import seed_generator
from becalm.patrol.core.redraw_arms import DrawnTrial
from becalm.patrol.desk import redraw
from becalm.tables import choose_source
from becalm.terms import QuestionError

USUAL_EFFECT = 0.2
USUAL_LEVEL = 0.95
DRAWS = 1_000  # of the arms


def assess_power(desk: Desk, request: PowerRequest) -> power.PowerReport:
    """How likely is the effect to be found, by running the whole recipe on what the past was like?

    Raises QuestionError where the past says too little.
    """
    path = Path(request.study)
    if path.is_dir():
        return _assess_trial_folder(desk, request, path)
    study = load_study(desk, path)
    if study.protocol.design == "offer":
        return _assess_offer(desk, request, study)
    if study.trial is not None:
        return _assess_trial(desk, request, study, study.trial)
    if study.protocol.design == "starts":
        return _assess_starts(desk, request, study)
    if study.places is None:
        raise QuestionError(f"{path.name} names no places.")
    return _assess_places(desk, request, study.protocol, study.places)


def _assess_places(
    desk: Desk, request: PowerRequest, protocol: Protocol, places: StudyPlaces
) -> power.PowerReport:
    blind = blind_protocol(protocol)
    points = _read_past(desk, request, blind)
    counts = past_days.extend_after(count_study.build_study(blind, places, points), protocol.windows.after)
    with desk.progress("Made-up studies", total=2 * request.runs, unit="runs") as advance:
        return assess_places_power(
            protocol,
            counts,
            _plant(request, protocol),
            runs=request.runs,
            rng=seed_generator(request.seed),
            advance=advance,
        )


def _assess_trial(desk: Desk, request: PowerRequest, study: Study, trial: DrawnTrial) -> power.PowerReport:
    """By the force's own days before the trial."""
    protocol = study.protocol
    arms = load_arms(desk, study, trial)
    points = _read_past(desk, request, blind_protocol(protocol))
    return _run_trials(
        desk,
        request,
        arms,
        past_days.count_past(protocol, past_days.as_places(arms), points, first_day=arms.first_day),
        _plant(request, protocol),
        reach_m=2.0 * protocol.places.radius_m + protocol.places.ring_m,
        level=protocol.analysis.level,
        looks=protocol.analysis.looks,
    )


def _assess_trial_folder(desk: Desk, request: PowerRequest, folder: Path) -> power.PowerReport:
    """By what the trial itself expected of each place, as its formula does."""
    trial = redraw.load_trial(desk, folder)
    arms = trial_study.join_arms(trial, redraw.redraw_trial(desk, trial, seed=request.seed, draws=DRAWS))
    past = power.TrialPast(rates=trial.daily_harm, dispersion=trial.dispersion)
    planted_effect = _plant(request, None)
    return _run_trials(
        desk, request, arms, past, planted_effect, reach_m=trial.neighbour_m, level=USUAL_LEVEL, looks=()
    )


def _run_trials(
    desk: Desk,
    request: PowerRequest,
    arms: trial_study.TrialArms,
    past: power.TrialPast,
    planted_effect: power.PlantedEffect,
    *,
    reach_m: float,
    level: float,
    looks: tuple[float, ...],
) -> power.PowerReport:
    with desk.progress("Made-up trials", total=2 * request.runs, unit="runs") as advance:
        return power.assess_trial_power(
            arms,
            past,
            planted_effect,
            neighbours=trial_study.find_neighbours(arms, reach_m=reach_m),
            level=level,
            looks=looks,
            runs=request.runs,
            rng=seed_generator(request.seed),
            advance=advance,
        )


def _assess_starts(desk: Desk, request: PowerRequest, study: Study) -> power.PowerReport:
    """By the force's own days before the plans."""
    protocol, planned_starts = study.protocol, redraw.load_starts(desk, study.plan_folders)
    study_places = start_days.list_places(planned_starts.place_by_hotspot)
    days, rows = start_days.lay_starts(
        protocol, planned_starts.days, study_places, hours_per_start=planned_starts.hours_per_start
    )
    points = _read_past(desk, request, blind_protocol(protocol))
    first_day = min(day.day for day in planned_starts.days if day.day >= protocol.windows.after.start)
    past = past_days.count_past(protocol, study_places, points, first_day=first_day)
    with desk.progress("Made-up studies", total=2 * request.runs, unit="runs") as advance:
        return power_of_draws.assess_starts_power(
            protocol,
            days,
            rows,
            past,
            _plant(request, protocol),
            runs=request.runs,
            rng=seed_generator(request.seed),
            advance=advance,
        )


def _assess_offer(desk: Desk, request: PowerRequest, study: Study) -> power.PowerReport:
    """By people as the waves at hand hold them, both arms together."""
    (waves_path,) = study.delivered_files
    with desk.progress("Made-up studies", total=2 * request.runs, unit="runs") as advance:
        return power_of_draws.assess_offer_power(
            study.protocol,
            read_waves(waves_path),
            _plant(request, study.protocol),
            runs=request.runs,
            rng=seed_generator(request.seed),
            advance=advance,
        )


def _read_past(desk: Desk, request: PowerRequest, blind: Protocol) -> count_study.DatedPoints:
    """The records before the start: nothing from there on is read."""
    choice = request.records
    source = choose_source(desk.archive.files(as_of=choice.as_of), choice.source)
    incidents = desk.archive.table("incidents", as_of=choice.as_of, source=source.key)
    return count_study.read_points(incidents, blind)


def _plant(request: PowerRequest, protocol: Protocol | None) -> power.PlantedEffect:
    """The effect that is asked about; the protocol's smallest where none is."""
    usual_effect = USUAL_EFFECT if protocol is None else protocol.analysis.smallest_effect
    effect = usual_effect if request.effect is None else request.effect
    return power.PlantedEffect(effect, request.displaced, request.delay_days)
