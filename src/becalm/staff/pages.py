"""The page of staff."""

from becalm.console.job_page import JobPage

PAGE = JobPage(
    job="staff",
    heading="Staff",
    lead="Who will be available, and how many officers does each shift need?",
    labels={
        "staff forecast": "How many will be available",
        "staff need": "How many are needed",
        "staff what-if": "What would change if more were absent",
    },
    by_command="Rosters are made and changed with `becalm staff allocate`, `becalm staff absent` and `back`.",
)
