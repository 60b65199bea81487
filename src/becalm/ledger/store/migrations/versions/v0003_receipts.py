"""Receipts in a file; on a server, what was handed in is kept until it stands sealed."""

from alembic import op

from becalm.ledger.store.postgres_setup import THIRD_REVISION
from becalm.ledger.store.tables import SQLITE_RECEIPTS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = {"sqlite": SQLITE_RECEIPTS, "postgresql": THIRD_REVISION}


def upgrade() -> None:
    """Make the receipts of a file; take from a server's program the right to delete what is pending."""
    for statement in STATEMENTS[op.get_bind().dialect.name]:
        op.execute(statement)
