"""The page of evaluate."""

from becalm.console.job_page import JobPage

PAGE = JobPage(
    job="evaluate",
    heading="Evaluate",
    lead="Did it work, did it only move, would it have fallen anyway?",
    labels={
        "evaluate protocols": "Protocols that were registered",
        "evaluate anyway": "Would it have fallen anyway?",
    },
    by_command="Register a protocol with `becalm evaluate register`, run a study with `becalm evaluate run`.",
)
