"""The page of patrol."""

from becalm.console.job_page import JobPage

PAGE = JobPage(
    job="patrol",
    heading="Patrol",
    lead="Which crew goes to which hotspot when, so that the dosage is right and nobody can guess?",
    labels={
        "patrol capacity": "What the units can carry",
        "patrol blackouts": "Hours in which no plan is drawn",
        "patrol audit": "Seeds and plans, checked",
    },
    by_command=(
        "Plans are drawn, changed and opened with `becalm patrol plan`, `becalm patrol replan` and "
        "`becalm patrol reveal`."
    ),
)
