"""On a server, turns at sealing that only the program can take, and erasures only under their entry."""

from alembic import op

from becalm.ledger.store.postgres_setup import SECOND_REVISION

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the locks of their own, and the functions again."""
    for statement in SECOND_REVISION if op.get_bind().dialect.name == "postgresql" else ():
        op.execute(statement)
