"""Before the outcome: what the design looks like, and how likely an effect is to be found."""

from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core import count_study, past_days, power, trial_study
from becalm.evaluate.core.look_at_design import DesignView, blind_protocol, look_at_places, look_at_trial
from becalm.evaluate.core.power_of_places import assess_places_power
from becalm.evaluate.core.request import DesignRequest, PowerRequest
from becalm.evaluate.desk.evaluations import find_gap_reasons
from becalm.evaluate.desk.studies import Study, load_arms, load_study
from becalm.evaluate.files.design_page import design_page
from becalm.formats.durable_files import write_durably
from becalm.methods.arrays import seed_generator
from becalm.patrol.core.redraw_arms import DrawnTrial
from becalm.patrol.desk import redraw
from becalm.tables import choose_source
from becalm.terms import QuestionError

USUAL_EFFECT = 0.2
USUAL_LEVEL = 0.95
DRAWS = 1_000  # of the arms
POWERED_DESIGNS = ("trial", "displacement", "difference")


def assess_power(desk: Desk, request: PowerRequest) -> power.PowerReport:
    """How likely is the effect to be found, by running the whole recipe on what the past was like?

    Raises QuestionError where the design has none, or the past says too little.
    """
    path = Path(request.study)
    if path.is_dir():
        return _assess_trial_folder(desk, request, path)
    study = load_study(desk, path)
    protocol = study.protocol
    if protocol.design not in POWERED_DESIGNS:
        raise QuestionError(
            f"There is no power for the design {protocol.design}. Ask it for {', '.join(POWERED_DESIGNS)}."
        )
    effect = protocol.analysis.smallest_effect if request.effect is None else request.effect
    planted_effect = power.PlantedEffect(effect, request.displaced, request.delay_days)
    source = choose_source(desk.archive.files(as_of=request.records.as_of), request.records.source)
    incidents = desk.archive.table("incidents", as_of=request.records.as_of, source=source.key)
    # Nothing from the start on is read: what stands for it is the window before.
    blind = blind_protocol(protocol)
    points = count_study.read_points(incidents, blind)
    if study.trial is not None:
        return _assess_trial(desk, request, study, study.trial, points, planted_effect)
    if study.places is None:
        raise QuestionError(f"{path.name} names no places.")
    counts = past_days.extend_after(
        count_study.build_study(blind, study.places, points), protocol.windows.after
    )
    with desk.progress("Made-up studies", total=2 * request.runs, unit="runs") as advance:
        return assess_places_power(
            protocol,
            counts,
            planted_effect,
            runs=request.runs,
            rng=seed_generator(request.seed),
            advance=advance,
        )


def _assess_trial(
    desk: Desk,
    request: PowerRequest,
    study: Study,
    trial: DrawnTrial,
    points: count_study.DatedPoints,
    planted_effect: power.PlantedEffect,
) -> power.PowerReport:
    """By the force's own days before the trial."""
    protocol = study.protocol
    arms = load_arms(desk, study, trial)
    return _run(
        desk,
        request,
        arms,
        past_days.count_past(protocol, arms, points),
        planted_effect,
        reach_m=2.0 * protocol.places.radius_m + protocol.places.ring_m,
        level=protocol.analysis.level,
        looks=protocol.analysis.looks,
    )


def _assess_trial_folder(desk: Desk, request: PowerRequest, folder: Path) -> power.PowerReport:
    """By what the trial itself expected of each place, as its formula does."""
    trial = redraw.load_trial(desk, folder)
    arms = trial_study.join_arms(trial, redraw.redraw_trial(desk, trial, seed=request.seed, draws=DRAWS))
    effect = USUAL_EFFECT if request.effect is None else request.effect
    planted_effect = power.PlantedEffect(effect, request.displaced, request.delay_days)
    past = power.TrialPast(rates=trial.daily_harm, dispersion=trial.dispersion)
    return _run(
        desk, request, arms, past, planted_effect, reach_m=trial.neighbour_m, level=USUAL_LEVEL, looks=()
    )


def _run(
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


def show_design(desk: Desk, request: DesignRequest) -> DesignView:
    """Who is treated when, where records are missing, how alike the arms are, and what must be refused?

    Nothing from the start on is read. Raises QuestionError for a design without places of its own.
    """
    study = load_study(desk, Path(request.protocol))
    protocol, choice = study.protocol, request.records
    source = choose_source(desk.archive.files(as_of=choice.as_of), choice.source)
    blind = blind_protocol(protocol)
    missing_months = tuple(find_gap_reasons(desk, blind, source, choice))
    incidents = desk.archive.table("incidents", as_of=choice.as_of, source=source.key)
    points = count_study.read_points(incidents, blind)
    if study.trial is not None:
        view = look_at_trial(protocol, load_arms(desk, study, study.trial), points, missing_months)
    elif study.places is not None:
        counts = past_days.extend_after(
            count_study.build_study(blind, study.places, points), protocol.windows.after
        )
        view = look_at_places(protocol, counts, missing_months)
    else:
        raise QuestionError(f"The design {protocol.design} has no places to look at before its outcome.")
    if request.out is not None:
        write_durably(Path(request.out), design_page(view))
    return view
