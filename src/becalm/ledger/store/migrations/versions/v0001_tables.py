"""The first tables of a ledger: on SQLite strict, and with triggers that refuse to rewrite it."""

from alembic import op

from becalm.ledger.store.postgres_setup import POSTGRES_STATEMENTS
from becalm.ledger.store.tables import SQLITE_STATEMENTS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = {"sqlite": SQLITE_STATEMENTS, "postgresql": POSTGRES_STATEMENTS}


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS[op.get_bind().dialect.name]:
        op.execute(statement)
