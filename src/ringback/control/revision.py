"""Read, alter, write: a change of something stored, tried again when somebody else changed it in between.

The store refuses a write that was made from an older revision; then everything is read and decided anew. Never
merges. After a few tries it gives up with `Conflict`, and nothing was changed.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from ringback.model.errors import Conflict

Thing = TypeVar("Thing")

TRIES_MAX: Final = 5


def change_stored(read: Callable[[], Thing], alter: Callable[[Thing], Thing], write: Callable[[Thing], bool]) -> Thing:
    """What is stored afterwards. `alter` returns its argument itself when there is nothing to change.

    `write` is given the altered thing and says whether its revision was still the next one. `read` raises NotFound
    when the thing is gone.
    """
    for _ in range(TRIES_MAX):
        before = read()
        after = alter(before)
        if after is before or write(after):
            return after
    raise Conflict("Others are changing the same thing at the same time. Nothing was changed; send the request again.")
