"""The ledger on SQLite: one file, one writer that batches."""
