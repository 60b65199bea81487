"""The commands of ingest, and how they print."""
