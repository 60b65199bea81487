"""Reads, asks a job, records the answer; the only place where these meet. No arithmetic."""
