"""The page of divert. It shows counts of cases, never a person."""

from becalm.console.job_page import JobPage

PAGE = JobPage(
    job="divert",
    heading="Divert",
    lead="How many people were offered help, were visited and said yes? No person is shown here.",
    labels={"divert funnel": "From the list to the offer"},
    by_command="Cases are looked at and approved one by one, with a purpose: see `becalm divert --help`.",
)
