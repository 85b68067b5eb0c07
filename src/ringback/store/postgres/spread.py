"""Whether the database is spread over machines by tenant (docs/scaling.md): Citus, where it was told to, or YugabyteDB.

There a transaction of one tenant is cheaper than one of many. Asked once, when the store is opened: who spreads a
database that is in use restarts Ringback. A database that is neither answers no and costs one statement.
"""

from typing import Final

from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")
_YUGABYTE: Final = "-YB-"


def is_spread(session: Session) -> bool:
    """See the module."""
    version, has_citus = session.first(_SQL["kind_of_server"])
    if _YUGABYTE in version:
        return True
    # The second statement can't even be planned where there is no Citus.
    return bool(has_citus and session.first(_SQL["events_are_spread"])[0])
