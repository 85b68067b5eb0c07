"""What a caller asks to be done with one record: values without behaviour."""

from enum import StrEnum
from typing import Final, NamedTuple

from ringback.model.limits import PAYLOAD_BYTES_MAX


class RecordOp(StrEnum):
    """`put` takes a whole state, `patch` a merge patch (RFC 7396)."""

    PUT = "put"
    PATCH = "patch"
    DELETE = "delete"


class RecordOutcome(StrEnum):
    """`unchanged`: it was so already. `stale`: what is stored is newer, by what the source says."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    STALE = "stale"


ANY_REVISION: Final = -1
"""`if_revision`: the record must be there (`If-Match: *`)."""
NO_REVISION: Final = 0
"""`if_revision`: the record must not be there (`If-None-Match: *`)."""


class RecordWrite(NamedTuple):
    """Checked. `data` is a JSON object, b"" for a deletion. `version` and `source_at` (wall ms) are what the source
    says of the state. `if_revision`: only if this is stored (None: in any case). `channel` is that of the events that
    it makes. `place` is where it stands in its request: "" or `records[3]`. `bytes_max`: so large may the state be,
    also when a patch has made it larger.
    """

    tenant_id: str
    type: str
    id: str
    op: RecordOp
    data: bytes
    version: int | None
    source_at: int | None
    if_revision: int | None
    channel: str | None
    accepted_at: int
    hops: int
    place: str
    bytes_max: int = PAYLOAD_BYTES_MAX
