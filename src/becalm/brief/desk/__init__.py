"""Asks the jobs, and writes the briefing as one folder."""
