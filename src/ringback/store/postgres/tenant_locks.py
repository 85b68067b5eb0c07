"""A tenant's row stands for all that it has: how changes of a tenant and of what it has wait for one another.

Who changes the tenant, or counts what it has, locks its row; who changes one thing of it shares the row. So nothing is
added to a tenant that is just being deleted, none too many fits in, and a lane follows its tenant's switch whatever
becomes of its endpoint meanwhile. What is read to decide has to be read in a statement after this one.

Whoever locks several things takes them in this order, and things of one kind in the order of their ids: the tenant,
endpoints, secrets, what arrives (keys, then records), lanes, triggers, sets, and the lock of changes last.
"""

from typing import Final

from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


def lock_tenant(session: Session, tenant_id: str) -> bool:
    """Have the tenant alone until the transaction ends; False: it was deleted, and its rows are being purged."""
    found = session.first(_SQL["lock_tenant"], {"id": tenant_id})
    return found is None or found[0] is None


def share_tenant(session: Session, tenant_id: str) -> None:
    """Have the tenant stay as it is until the transaction ends."""
    session.rows(_SQL["share_tenant"], {"id": tenant_id})
