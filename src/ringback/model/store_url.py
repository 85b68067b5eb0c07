"""The URL of a store: which kind it names, and how it is shown to people.

A PostgreSQL URL is never taken apart for use: the driver gets it as it came. It is taken apart here only to be shown,
and shows too little rather than too much: whatever could be a password is `***`, also in a URL that no driver can
read. Reads nothing and never fails.
"""

import re
from typing import Final

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = ("postgresql://", "postgres://")
HIDDEN: Final = "***"
# Parameters of libpq that never are a secret and help to see what is wrong; any other's value is hidden.
_SHOWN: Final = frozenset(
    {
        "application_name",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "load_balance_hosts",
        "port",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)


def is_postgresql(url: str | None) -> bool:
    """Whether it names a PostgreSQL database."""
    return url is not None and url.startswith(POSTGRESQL)


def shown_url(url: str) -> str:
    """The URL as it may stand in a log or an error: `postgresql://user:***@host/db`."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return HIDDEN
    if not is_postgresql(url):
        return url
    # A password may hold any character that should have been escaped: it ends at the last @ there is.
    before, at, place = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    place, mark, query = place.partition("?")
    # Nor must the user's part show more than a name, where a / or ? says that this is no user's part at all.
    user = re.split(r"[/?]", user, maxsplit=1)[0]
    shown = "&".join(_shown_parameter(parameter) for parameter in query.split("&"))
    return f"{scheme}://{user}{f':{HIDDEN}' if colon else ''}{at}{place}{mark}{shown}"


def _shown_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return parameter if name in _SHOWN or not equals else f"{name}={HIDDEN}"
