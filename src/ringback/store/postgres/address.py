"""Where a database is and how it is spoken to: the operator's URL, to which what every connection needs is added.

The URL goes to libpq as it is; what it says itself wins, but for the options that the statements rely on. A password
never leaves this module but to the server: `shown` is what messages may say.
"""

import re
from typing import Any, Final

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import tuple_row

from ringback.model.errors import StoreRefused
from ringback.model.store_url import shown_url

# Every statement is written for an index, and its plan must be the same for an empty table as for a full one.
_PLANNING: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
# All of it less than a lease: what a process had locked when it was cut off is free before others take its lanes over.
_LIMITS: Final = {
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
}
SETTINGS: Final = _PLANNING | _LIMITS

_UNKNOWN: Final = re.compile(r'^invalid URI query parameter: "([A-Za-z_]{1,40})"')
_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "client_encoding": "utf8",
}


class Address:
    """A URL (`postgresql://…`), taken apart by libpq; `application` is what its sessions are called, unless it says so
    itself. Raises StoreRefused for one that it can't read."""

    def __init__(self, url: str, application: str = "ringback") -> None:
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            if unknown := _UNKNOWN.search(str(error)):
                raise StoreRefused(
                    f"The URL of the store has the parameter {unknown[1]}, which PostgreSQL doesn't know."
                ) from None
            raise StoreRefused(
                "The URL of the store can't be read. It has the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE; "
                "write @, /, : and % in a password as %40, %2F, %3A and %25."
            ) from None
        wanted = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        own = given.get("options")
        self._parameters: dict[str, Any] = {
            **_DEFAULTS,
            "fallback_application_name": application,
            **given,
            "options": f"{own} {wanted}" if own else wanted,
        }
        self.shown = shown_url(url)

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection, each of whose statements is a transaction unless one is begun."""
        return psycopg.connect("", autocommit=True, row_factory=tuple_row, **self._parameters)


def identifier(name: str) -> str:
    """A name as SQL has it."""
    return sql.Identifier(name).as_string(None)
