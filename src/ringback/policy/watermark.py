"""How much of a disk must be free for events to be accepted: what was accepted still has to be recorded in it."""

from typing import Final

SHARE_OF_DISK: Final = 10


def watermark_bytes(free_bytes_min: int, disk_bytes: int | None) -> int:
    """The setting, or a tenth of a disk for which that is less; the setting where the disk's size is not known."""
    return free_bytes_min if disk_bytes is None else min(free_bytes_min, disk_bytes // SHARE_OF_DISK)
