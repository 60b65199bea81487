"""Visits and help: the protocol, the schedule of a day, what a step needs, and what came of it."""
