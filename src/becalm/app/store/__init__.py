"""The app's own store: accounts, sessions, tasks and drafts, beside the ledger and never in it."""
