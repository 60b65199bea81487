"""Where records are kept: the Parquet archive, its engines, and the workspace folder."""
