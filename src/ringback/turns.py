"""What waits to be written, taken in the order it came, or, where that is cheaper for the store, tenant by tenant.

A store that is spread over machines by tenant commits a transaction of one tenant on one of them. There the tenants
have turns: a batch is of one tenant, and what is left of it goes behind the others, so that nobody starves. The order
of what belongs to one tenant is kept in any case. Where the store is in one place there is one line, as if it were all
one tenant's, and nobody is asked for a tenant. For one thread.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """`tenant_of` says whose a thing is; None: it doesn't matter."""

    def __init__(self, tenant_of: Callable[[Item], str] | None) -> None:
        self._tenant_of = tenant_of
        # In the order of their turns; none is empty.
        self._lines: dict[str, list[Item]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def extend(self, items: Iterable[Item]) -> None:
        """Put things behind those that wait."""
        if self._tenant_of is not None:
            for item in items:
                self._lines.setdefault(self._tenant_of(item), []).append(item)
        elif "" in self._lines:
            self._lines[""].extend(items)
        elif line := list(items):
            self._lines[""] = line

    def first(self) -> list[Item]:
        """What waits of whose turn it is, oldest first. Something has to wait. Not to be changed."""
        return next(iter(self._lines.values()))

    def take(self, count: int) -> list[Item]:
        """Remove the first `count` of `first()` and end the turn; they are the answer."""
        name, line = next(iter(self._lines.items()))
        del self._lines[name]
        if count >= len(line):
            return line
        taken = line[:count]
        del line[:count]
        self._lines[name] = line
        return taken
