"""The weekly briefing: joins the jobs."""
