"""The contract of a profile that somebody named on the command line: one that comes with Ringback, or a file."""

from pathlib import Path
from typing import Final

from ringback.model.errors import BadSetting
from ringback.profile_files import read_profile
from ringback.wire.contract import Contract
from ringback.wire.profile import ProfileError, load_profile

SUFFIX: Final = ".toml"


def profile_named(name: str) -> Contract:
    """The contract of a built-in profile or of FILE.toml. Raises BadSetting, ProfileFileUnusable."""
    if name.endswith(SUFFIX):
        return read_profile(Path(name))
    try:
        return load_profile(name)
    except ProfileError as error:
        raise BadSetting(
            f"profile: {error.message}, or a file NAME{SUFFIX} (`ringback profile get` has those of a server)."
        ) from None
