"""Crime records kept as Parquet, listed in a manifest, read through an engine."""
