"""What the server promises of a commit just now, and in sentences what it doesn't: the ground beneath a 202.

Asked of the server each time, since its operator can change it at any moment, and a standby can go. Changes nothing.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")
_LOST: Final = "what got a 202 last is lost if the primary's machine is lost"
NOTHING_COMMITS: Final = "No synchronous standby is connected to the database: nothing can be committed until one is."
_WAITS_FOR_STANDBY: Final = frozenset(("on", "remote_apply", "remote_write"))


class Promises(NamedTuple):
    """`standbys_in_step` is how many synchronous standbys are connected; None where the role may not see that."""

    synchronous_commit: str
    synchronous_standby_names: str
    fsync: bool
    full_page_writes: bool
    standbys_in_step: int | None

    @property
    def survives_the_primary(self) -> bool:
        """Whether a commit is on a second machine before it is answered."""
        return bool(self.synchronous_standby_names) and self.synchronous_commit in _WAITS_FOR_STANDBY

    @property
    def can_commit(self) -> bool:
        """False where every commit waits for a standby that isn't there."""
        return not (self.standbys_in_step == 0 and self.survives_the_primary)


def read_promises(session: Session) -> Promises:
    """As of now, of the sessions that commit."""
    return Promises(*session.first(_SQL["promises"]))


def cautions_of(promises: Promises) -> list[str]:
    """What doesn't hold, a sentence each; none if all does."""
    return [*_of_its_own_disk(promises), *_of_the_standby(promises)]


def _of_its_own_disk(promises: Promises) -> Iterator[str]:
    if promises.synchronous_commit == "off":
        yield "The database's synchronous_commit is off: what got a 202 can be lost when its server crashes."
    for name, on in (("fsync", promises.fsync), ("full_page_writes", promises.full_page_writes)):
        if not on:
            yield f"The database's {name} is off: all of it can be lost when its machine crashes."


def _of_the_standby(promises: Promises) -> Iterator[str]:
    if not promises.synchronous_standby_names:
        yield f"The database has no synchronous standby (synchronous_standby_names is empty): {_LOST}."
    elif promises.synchronous_commit == "local":
        yield f"The database's synchronous_commit is local, so that no commit waits for the standby: {_LOST}."
    elif not promises.can_commit:
        yield NOTHING_COMMITS
