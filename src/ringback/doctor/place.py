"""The data directory: is it there, can it be written, who else can read it, and on what kind of disk is it?

Only looks; makes and changes nothing. Knows Linux's table of mounts; without it, it can't tell the file system.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ringback.doctor.finding import Finding, ok, problem, size, warning
from ringback.policy.watermark import watermark_bytes

MOUNTS: Final = Path("/proc/self/mounts")
DISK_FREE_SHARE_MIN: Final = 0.1
DAYS_LEFT_MIN: Final = 14.0

# Where locks or fsync are not what SQLite takes them for.
_NETWORK: Final = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "glusterfs", "beegfs", "ncpfs")
)
_NETWORK_FUSE: Final = re.compile(r"fuse\.(sshfs|glusterfs|s3fs|rclone|gcsfuse|ceph|davfs|nfs|smb|juicefs).*")
_IN_MEMORY: Final = frozenset(("tmpfs", "ramfs"))
# What shows the kernel's own state: nobody, not even root, can make a file there.
_OF_KERNEL: Final = frozenset(
    ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "securityfs", "debugfs", "tracefs", "configfs", "bpf", "pstore")
)
_OF_CONTAINER: Final = frozenset(("overlay", "aufs"))


def examine_directory(data: Path) -> Iterator[Finding]:
    """Whether the directory is there, is ours to write, and nobody else's to read."""
    name = "data directory"
    if not data.exists():
        above = nearest(data)
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK) and _kind_of(above, MOUNTS)[0] not in _OF_KERNEL:
            yield ok(name, f"{data} is not there yet; the first start makes it")
        else:
            yield problem(
                name,
                f"{data} is not there, and can't be made in {above}",
                "Make it and give it to the user who runs the server, or choose another: --data DIR.",
            )
    elif not data.is_dir():
        yield problem(name, f"{data} is not a directory", "Choose another: --data DIR.")
    elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            name,
            f"{data} can't be written by this user",
            "Run this as the user who runs the server; if it is that user, give it the directory (chown).",
        )
    else:
        mode = stat.S_IMODE(data.stat().st_mode)
        if mode & 0o077:
            yield warning(
                name,
                f"{data} can be entered by other users (mode {mode:o}); it holds secrets",
                f"chmod 700 {data}",
            )
        else:
            yield ok(name, f"{data}, mode {mode:o}")


def examine_file_system(path: Path, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Whether the file system keeps what it is given, and has real locks."""
    name = "file system"
    kind, where = _kind_of(nearest(path), mounts)
    if not kind:
        return
    if kind in _OF_KERNEL:
        yield problem(name, f"{where} is {kind}: nothing can be kept there", "Put the data directory on a disk.")
    elif kind in _NETWORK or _NETWORK_FUSE.fullmatch(kind):
        yield problem(
            name,
            f"{where} is {kind}, a network file system: SQLite can lose data there",
            "Put the data directory on a local disk.",
        )
    elif kind in _IN_MEMORY:
        yield warning(
            name, f"{where} is {kind}: all of it is gone after a restart", "Put the data directory on a disk."
        )
    elif kind in _OF_CONTAINER:
        yield warning(
            name,
            f"{where} is {kind}, the container's own layer: it goes with the container",
            "Put the data directory on a volume.",
        )
    else:
        yield ok(name, f"{kind} at {where}")


def examine_disk(path: Path, grows_by_bytes_a_day: float | None, free_bytes_min: int) -> Iterator[Finding]:
    """How much room is left, and for how long if it goes on like today, until no events are accepted any more.

    `free_bytes_min` is the setting `disk_free_bytes_min`.
    """
    usage = shutil.disk_usage(nearest(path))
    needed = watermark_bytes(free_bytes_min, usage.total)
    detail = f"{size(usage.free)} free of {size(usage.total)}"
    days = max(0, usage.free - needed) / grows_by_bytes_a_day if grows_by_bytes_a_day else None
    if days is not None and grows_by_bytes_a_day is not None:
        left = "more than a year" if days > 365 else f"{days:.0f} days"
        detail += f"; what comes in takes {size(grows_by_bytes_a_day)} a day: enough for {left}, if nothing is removed"
    advice = "Free some space, move the data directory, or keep events for a shorter time (retention_days)."
    if usage.free < needed:
        yield problem("disk", f"{detail}; with less than {size(needed)} events are refused", advice)
    elif usage.free < usage.total * DISK_FREE_SHARE_MIN or (days is not None and days < DAYS_LEFT_MIN):
        yield warning("disk", detail, advice)
    else:
        yield ok("disk", detail)


def nearest(path: Path) -> Path:
    """`path`, or of what is above it the nearest that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _kind_of(path: Path, mounts: Path) -> tuple[str, str]:
    """As `file_system_of`; ("", "") where there is no table of mounts."""
    try:
        return file_system_of(path, mounts.read_text("utf-8", "surrogateescape"))
    except OSError:
        return "", ""


def file_system_of(path: Path, mounts: str) -> tuple[str, str]:
    """(kind, mount point) of the file system that `path` is on, by the lines of /proc/mounts."""
    real = path.resolve()
    best = ("unknown", "/")
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        where = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        # A later mount at the same point hides the one before.
        if real.is_relative_to(where) and len(where.parts) >= len(Path(best[1]).parts):
            best = (fields[2], str(where))
    return best
