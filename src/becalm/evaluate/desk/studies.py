"""A protocol with all that it names, loaded and checked: places, a trial's arms, counts by wave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from becalm.desk import Desk
from becalm.evaluate.core import trial_study
from becalm.evaluate.core.cohorts import find_start_faults
from becalm.evaluate.core.protocol import PLACE_DESIGNS, Protocol, find_faults
from becalm.evaluate.core.study import StudyPlaces
from becalm.evaluate.core.trial_study import TrialArms
from becalm.evaluate.files.places import check_places
from becalm.evaluate.files.protocol_file import check_protocol, named_places, protocol_sha256
from becalm.patrol.core.redraw_arms import DrawnTrial
from becalm.patrol.desk import redraw
from becalm.terms import BecalmError, Fault, InputError, QuestionError
from becalm.workspace.read_offence_tables import load_offences

LoadedT = TypeVar("LoadedT")


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A protocol without a fault, the places or the trial that it names, and the hash of all of it."""

    path: Path
    protocol: Protocol
    places: StudyPlaces | None
    trial: DrawnTrial | None
    sha256: str

    @property
    def delivered_files(self) -> tuple[Path, ...]:
        """What became known after the protocol was fixed: visits, and counts by wave."""
        names = (
            *self.protocol.trial.visits,
            *([self.protocol.offer_file] if self.protocol.offer_file else ()),
        )
        return tuple(self.path.parent / name for name in names)

    @property
    def plan_folders(self) -> tuple[Path, ...]:
        """The plans that the protocol names."""
        return tuple(self.path.parent / name for name in self.protocol.trial.plans)


def load_study(desk: Desk, path: Path) -> Study:
    """The protocol in this file and what it names, once all that can be checked holds.

    Raises InputError with every fault of the protocol, of its list of places and of its trial.
    """
    protocol, file_faults = check_protocol(path)
    faults = list(file_faults)
    places_name = protocol.places.file if protocol else named_places(path)
    places = None
    if places_name and (protocol is None or protocol.design in PLACE_DESIGNS):
        place_rule = protocol.places if protocol else None
        places, place_faults = check_places(
            path.parent / places_name,
            covariates=place_rule.covariates if place_rule else (),
            treated=place_rule.treated if place_rule else (),
        )
        faults += place_faults
    trial = None
    if protocol is not None:
        faults += _find_record_faults(desk, protocol)
        if protocol.design == "trial" and protocol.trial.folder:
            folder = path.parent / protocol.trial.folder
            trial = _collect(faults, lambda: redraw.load_trial(desk, folder))
    if protocol is not None and places is not None:
        faults += find_start_faults(protocol, places)
    if protocol is not None and trial is not None:
        faults += trial_study.find_day_faults(protocol, trial.period)
    if faults or protocol is None:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} cannot be a protocol: {len(faults)} {noun}", tuple(faults))
    named_files = [path.parent / places_name] if places_name else []
    if protocol.trial.folder:
        named_files += [path.parent / protocol.trial.folder / name for name in ("arms.csv", "trial.json")]
    return Study(path, protocol, places, trial, protocol_sha256(path, named_files))


def _collect(faults: list[Fault], load: Callable[[], LoadedT]) -> LoadedT | None:
    """What is loaded; where that fails, its faults join the others."""
    try:
        return load()
    except BecalmError as error:
        faults += error.faults or (Fault("trial.folder", error.message, "name the folder as it was written"),)
        return None


def _find_record_faults(desk: Desk, protocol: Protocol) -> Sequence[Fault]:
    """What does not go together with the records: days, offence groups."""
    tables = load_offences(desk.workspace.offences_path).values()
    groups = [group for table in tables for group in table.groups]
    first_month = min((file.month for file in desk.archive.files("incidents") if file.month), default="")
    if not first_month and protocol.design != "offer":
        raise QuestionError("The archive holds no incidents. Load some with `becalm ingest PATH`.")
    return find_faults(
        protocol,
        first_day=date.fromisoformat(f"{first_month or '1900-01'}-01"),
        found_by_police=frozenset(group.key for group in groups if group.found_by == "police"),
        known_groups=frozenset(group.key for group in groups),
    )


def load_arms(desk: Desk, study: Study, trial: DrawnTrial) -> TrialArms:
    """The arms of the study's trial, drawn again as often as it says, and the hours that are known."""
    protocol = study.protocol
    analysis, visits = protocol.analysis, [study.path.parent / name for name in protocol.trial.visits]
    return trial_study.join_arms(
        trial,
        redraw.redraw_trial(desk, trial, seed=analysis.seed, draws=analysis.draws),
        planned_hours=redraw.sum_planned_hours(desk, trial, study.plan_folders)
        if study.plan_folders
        else None,
        delivered_hours=redraw.sum_delivered_hours(desk, trial, visits) if visits else None,
    )
