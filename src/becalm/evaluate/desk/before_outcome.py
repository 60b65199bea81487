"""Before the outcome: what the design looks like."""

from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core import count_study, past_days
from becalm.evaluate.core.look_at_design import DesignView, blind_protocol, look_at_places, look_at_trial
from becalm.evaluate.core.request import DesignRequest
from becalm.evaluate.desk.evaluations import find_gap_reasons
from becalm.evaluate.desk.studies import load_arms, load_study
from becalm.evaluate.files.design_page import design_page
from becalm.formats.durable_files import write_durably
from becalm.tables import choose_source
from becalm.terms import QuestionError


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
        design_view = look_at_trial(protocol, load_arms(desk, study, study.trial), points, missing_months)
    elif study.places is not None:
        counts = past_days.extend_after(
            count_study.build_study(blind, study.places, points), protocol.windows.after
        )
        design_view = look_at_places(protocol, counts, missing_months)
    else:
        raise QuestionError(f"The design {protocol.design} has no places to look at before its outcome.")
    if request.out is not None:
        write_durably(Path(request.out), design_page(design_view))
    return design_view
