"""Reads, asks the core, records; all that other jobs may call."""
