"""The watermark of the disk: when it holds events back, how small disks count, and that it lets go again."""

import pytest

from ringback.ingest.watermark import Watermark
from ringback.model.errors import Unavailable
from ringback.store.memory import MemoryStore
from ringback.store.port import Space, StoreUnavailable

GIB = 1024**3


class Disk(MemoryStore):
    """A store whose disk is as a test says; None: it doesn't answer."""

    free_bytes: int | None = None
    disk_bytes: int | None = None
    answers = True

    def space(self) -> Space:
        if not self.answers:
            raise StoreUnavailable("The file system doesn't answer.")
        return Space(1, 1, self.free_bytes, self.disk_bytes)


def watermark(disk: Disk, free_bytes_min: int = GIB) -> Watermark:
    return Watermark(disk, free_bytes_min, lambda seconds: None)


def test_below_it_nothing_is_accepted_and_above_it_all_goes_on() -> None:
    disk = Disk()
    disk.free_bytes, disk.disk_bytes = GIB - 1, 100 * GIB
    mark = watermark(disk)
    mark.check()  # not looked yet
    mark.step()

    with pytest.raises(Unavailable) as refused:
        mark.check()

    assert (refused.value.code, refused.value.retry_after_s) == ("disk_nearly_full", 10)
    disk.free_bytes = GIB
    mark.step()
    mark.check()


def test_of_a_small_disk_a_tenth_counts() -> None:
    disk = Disk()
    mark = watermark(disk)
    assert (mark.bytes_for(2 * GIB), mark.bytes_for(100 * GIB), mark.bytes_for(None)) == (2 * GIB // 10, GIB, GIB)
    disk.free_bytes, disk.disk_bytes = 2 * GIB // 10, 2 * GIB
    mark.look()
    assert not mark.nearly_full
    disk.free_bytes -= 1
    mark.look()
    assert mark.nearly_full


def test_a_file_system_that_does_not_answer_changes_nothing() -> None:
    disk = Disk()
    disk.free_bytes, disk.disk_bytes = 0, 100 * GIB
    mark = watermark(disk)
    mark.look()
    disk.answers = False
    mark.look()
    assert mark.nearly_full


def test_a_store_that_knows_no_disk_has_no_watermark_and_0_switches_it_off() -> None:
    far = Disk()
    nowhere = watermark(far)
    nowhere.look()
    assert not nowhere.nearly_full
    far.free_bytes, far.disk_bytes = 0, GIB
    nowhere.look()
    assert not nowhere.nearly_full, "it is not asked any more"
    disk = Disk()
    disk.free_bytes, disk.disk_bytes = 0, GIB
    off = watermark(disk, 0)
    off.look()
    assert not off.nearly_full
