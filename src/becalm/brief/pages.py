"""The pages of all jobs, in the order in which they stand."""

from collections.abc import Mapping
from typing import Final

from becalm.console.job_page import JobPage
from becalm.divert.pages import PAGE as DIVERT
from becalm.evaluate.pages import PAGE as EVALUATE
from becalm.find.pages import PAGE as FIND
from becalm.measure.pages import PAGE as MEASURE
from becalm.patrol.pages import PAGE as PATROL
from becalm.record.pages import PAGE as RECORD
from becalm.staff.pages import PAGE as STAFF
from becalm.sustain.pages import PAGE as SUSTAIN

JOB_PAGES: Final[Mapping[str, JobPage]] = {
    page.job: page for page in (MEASURE, FIND, PATROL, STAFF, DIVERT, RECORD, SUSTAIN, EVALUATE)
}
