"""The key by which events are kept in order where their caller chose none: that of their subject. Pure; never fails."""

import hashlib

from ringback.model.limits import INDEXED_TEXT_BYTES_MAX


def key_of_subject(subject_type: str, subject_id: str) -> str:
    """The ordering key that events of this subject have; 256 bytes of UTF-8 at most.

    Two different subjects never get the same key: `~` and `/` in the type are escaped (as in RFC 6901), and a
    subject that is too long for a key is represented by its hash behind an escape that can't occur otherwise.
    """

    key = f"{subject_type.replace('~', '~0').replace('/', '~1')}/{subject_id}"
    if len(key) * 4 <= INDEXED_TEXT_BYTES_MAX or len(key.encode()) <= INDEXED_TEXT_BYTES_MAX:
        return key
    return f"~2{hashlib.sha256(key.encode()).hexdigest()}"
