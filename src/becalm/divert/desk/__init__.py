"""Reads, asks the core, records: each step of a case is a decision of two people."""
