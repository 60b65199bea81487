"""The commands of record, and how they print."""
