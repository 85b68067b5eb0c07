"""How the PostgreSQL store keeps small tables of which there are so many rows at most: event types and profiles.

Whoever may add a row has a lock for it, so that two can't both take the last place; then it counts, in a statement
after that.
"""

from typing import Final

from ringback.store.postgres.locks import CATALOGUE
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


def has_place(session: Session, count_query: str, name: str, most: int) -> bool:
    """Whether a row of this name is there or may be added; stays so until the transaction ends."""
    session.rows(_SQL["lock_catalogue"], CATALOGUE.params)
    count, known = session.first(count_query, {"name": name})
    return bool(known or count < most)
