"""Trying again what was in another's way: for writes that people wait for, who can't be asked to repeat them.

A transaction that the server broke off (a deadlock, a partition dropped meanwhile), or whose connection broke before
the commit, has changed nothing. So the whole call is repeated, at once and a few times. What goes on failing is the
database's trouble for a moment (StoreUnavailable).
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from ringback.store.port import Retryable, StoreUnavailable

TRIES: Final = 4

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def tried_again(call: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """The same call, which never raises Retryable. It has to be one transaction and nothing else."""

    @wraps(call)
    def calling(*args: Arguments.args, **named: Arguments.kwargs) -> Answer:
        for _ in range(TRIES - 1):
            try:
                return call(*args, **named)
            except Retryable:
                continue
        try:
            return call(*args, **named)
        except Retryable as error:
            raise StoreUnavailable("The database was too busy with others to store this. Try again.") from error

    return calling
