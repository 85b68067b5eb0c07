"""Master keys: what seals the secrets in the store. Plain values and their written form; nothing is sealed here.

A key is 32 bytes, written in base64. Several keys stand in one text, separated by commas or lines: the first one
seals, all of them open. A key is told by its id, which is no secret: it stands beside everything that the key sealed.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MASTER_KEY_BYTES: Final = 32
KEY_ID_CHARS: Final = 8
KEY_FILE: Final = "master.key"
"""The file in the data directory where a server keeps the keys that it made itself."""
_ID_PREFIX: Final = b"ringback master key id\x00"
_SEPARATOR: Final = re.compile(r"[,\n]")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key. `id` is eight hexadecimal characters made from it; the key itself never shows in a repr."""

    id: str
    key: bytes = field(repr=False)


def master_key(key: bytes) -> MasterKey:
    """The key made of these 32 bytes."""
    return MasterKey(hashlib.sha256(_ID_PREFIX + key).hexdigest()[:KEY_ID_CHARS], key)


def parse_master_keys(text: str) -> tuple[MasterKey, ...]:
    """The keys in a text, in their order, each once. Raises ValueError, which doesn't show the text."""
    keys: dict[str, MasterKey] = {}
    for entry in _SEPARATOR.split(text.strip()):
        found = master_key(_decoded(entry.strip()))
        keys.setdefault(found.id, found)
    return tuple(keys.values())


def written(keys: Iterable[MasterKey]) -> str:
    """The text that `parse_master_keys` reads: one key a line."""
    return "".join(base64.b64encode(key.key).decode("ascii") + "\n" for key in keys)


def _decoded(entry: str) -> bytes:
    try:
        key = base64.b64decode(entry, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"must be base64 of {MASTER_KEY_BYTES} bytes, or several of these separated by commas")
    return key
