"""What is significant in a version is noted when its document goes: an older gateway would miss it until then.

Nothing is changed in the tables: the revision keeps such a gateway from opening the ledger.
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing is to be done."""
