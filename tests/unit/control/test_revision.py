"""Read, alter, write: others' changes are not lost, and it ends."""

import pytest

from ringback.control.revision import TRIES_MAX, change_stored
from ringback.model.errors import Conflict


class Shelf:
    """One number with a revision; `rivals` others change it between a read and the next write."""

    def __init__(self, rivals: int) -> None:
        self.value, self.revision = 10, 1
        self._rivals = rivals

    def read(self) -> tuple[int, int]:
        return self.value, self.revision

    def write(self, after: tuple[int, int]) -> bool:
        if self._rivals:
            self._rivals -= 1
            self.value, self.revision = self.value + 100, self.revision + 1
        if after[1] != self.revision + 1:
            return False
        self.value, self.revision = after
        return True


def one_more(before: tuple[int, int]) -> tuple[int, int]:
    return before[0] + 1, before[1] + 1


@pytest.mark.parametrize("rivals", range(TRIES_MAX))
def test_a_change_is_made_on_top_of_others(rivals: int) -> None:
    shelf = Shelf(rivals)
    assert change_stored(shelf.read, one_more, shelf.write) == (10 + 100 * rivals + 1, rivals + 2)


def test_it_gives_up_after_a_few_tries() -> None:
    shelf = Shelf(TRIES_MAX)
    with pytest.raises(Conflict):
        change_stored(shelf.read, one_more, shelf.write)
    assert shelf.value == 10 + 100 * TRIES_MAX


def test_nothing_to_change_writes_nothing() -> None:
    shelf = Shelf(1)
    assert change_stored(shelf.read, lambda before: before, shelf.write) == (10, 1)
    assert shelf.revision == 1
