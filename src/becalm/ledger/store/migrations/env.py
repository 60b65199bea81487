"""Run by Alembic: bring the ledger behind the given connection to the newest revision."""

from __future__ import annotations

from alembic import context

from becalm.ledger.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
