"""Profiles that were put through the API: plain values. What their text means is `wire.profile`'s business."""

from dataclasses import dataclass
from typing import Final

PROFILE_CHANGE: Final = "profile"
"""The kind under which a change of a profile is logged; the id is its name, and there is no tenant."""


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """One profile as it is kept. Times are milliseconds since 1970, UTC.

    `text` is the TOML as it came in, `version` that of its contract. `revision` is 1 when the profile is new and grows
    by one with each stored change.
    """

    name: str
    text: str
    version: str
    created_at: int
    updated_at: int
    revision: int = 1
