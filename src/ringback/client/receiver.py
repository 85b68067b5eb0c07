"""For receivers of webhooks: is this request genuine? One call, and one exception if it is not.

    from ringback import VerificationFailed, verify

    try:
        verified = verify("standard", request.headers, request.body, secret)
    except VerificationFailed:
        return 401

Imports `wire` alone, which needs the standard library alone (ed25519 needs `cryptography`), so that an application
that only receives loads nothing of the sender. Reads the clock when it is not given the time, and the file of a
profile of one's own.
"""

import os
import time
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Final

from ringback.wire.contract import Contract
from ringback.wire.profile import check_profile, load_profile
from ringback.wire.verify import TOLERANCE_S, Headers, VerificationFailed, Verified
from ringback.wire.verify import verify as verify_at
from ringback.wire.vocabulary import ProfileError

__all__ = ["Contract", "VerificationFailed", "Verified", "read_profile", "verify"]

SUFFIX: Final = ".toml"
_FILES_KEPT_MAX: Final = 64

Profile = str | os.PathLike[str] | Contract


def verify(
    profile: Profile,
    headers: Headers,
    body: bytes | str,
    secret: str | Sequence[str],
    *,
    tolerance_s: float | None = TOLERANCE_S,
    now_s: float | None = None,
) -> Verified:
    """Check a request that came in: the attempt's headers and the body's bytes exactly as they came.

    `profile` is one that comes with Ringback, such as `standard`, or one of your own: the path of its TOML file
    (`NAME.toml`, text or Path; it is read again when it was changed), or what `read_profile` made of it. `headers`: a
    mapping, anything with `items()`, or pairs; names in any case, text or bytes. `secret`: one or several, any of which
    may fit (of `standard` `whsec_…`, or `whpk_…` for ed25519). Where the contract signs the time of an attempt, that
    may be `tolerance_s` older or newer than `now_s`, seconds since 1970, by default the machine's; None: however old.

    Returns the event's id, which stays the same when an event is sent again, the time of the attempt, as far as the
    contract signs them, and which of its signatures fitted.
    Raises VerificationFailed for whatever is wrong, and nothing else; its `code` says what (docs/errors.md).
    """
    contract = read_profile(profile)
    at_s, tolerated_s = time.time() if now_s is None else now_s, inf if tolerance_s is None else tolerance_s
    return verify_at(headers, body, secret, at_s, tolerated_s, contract=contract)


def read_profile(profile: Profile) -> Contract:
    """What `verify` takes for a profile, read once: a name, the path of a TOML file, or the text of one.

    A text is what has more than one line. Raises VerificationFailed (`bad_profile`), which says what is wrong in which
    line.
    """
    if isinstance(profile, Contract):
        return profile
    try:
        return _contract(profile)
    except ProfileError as error:
        raise VerificationFailed("bad_profile", str(error)) from None
    except OSError as error:
        raise VerificationFailed("bad_profile", f"the profile can't be read: {error.strerror}") from None
    except Exception as error:
        # As `verify` promises: what isn't text, a file that isn't UTF-8, a path with a NUL in it.
        detail = f"a profile is a name, the path of a file NAME{SUFFIX}, its text, or a Contract: {error}"
        raise VerificationFailed("bad_profile", detail) from None


def _contract(profile: str | os.PathLike[str]) -> Contract:
    if isinstance(profile, os.PathLike):
        return _of_file(os.fspath(profile))
    if not isinstance(profile, str):
        raise TypeError(type(profile).__name__)
    if "\n" in profile:
        return check_profile(profile, _name_in(profile))
    return _of_file(profile) if profile.endswith(SUFFIX) else load_profile(profile)


def _of_file(path: str) -> Contract:
    state = Path(path).stat()
    return _read_file(path, state.st_mtime_ns, state.st_size)


@lru_cache(_FILES_KEPT_MAX)
def _read_file(path: str, _changed_ns: int, _size: int) -> Contract:
    """The file's contract; what it is kept under tells that it was changed."""
    file = Path(path)
    return check_profile(file.read_text("utf-8"), file.name.removesuffix(SUFFIX))


def _name_in(text: str) -> str:
    """The name that a profile's text gives itself; "" for none, which is then refused."""
    try:
        name = tomllib.loads(text).get("name")
    except ValueError:  # told by whoever reads it next, with the line
        return ""
    return name if isinstance(name, str) else ""
