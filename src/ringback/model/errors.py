"""The whole tree of errors that Ringback raises on purpose.

    RingbackError
    ├── Refused                   the caller's fault; repeating the same request fails the same way
    │   ├── Malformed   400       not JSON, not UTF-8
    │   ├── NoKey       401       no key, or one that is not known
    │   ├── WrongPassword 401     the name or the password of an operator is wrong
    │   ├── Forbidden   403       the key's scope is too small
    │   │   └── WebhooksDisabled  the operator has switched the tenant's webhooks off
    │   ├── NotFound    404       unknown, or another tenant's
    │   │   └── NoSuchRecord          there is no such record, or not any more
    │   ├── Conflict    409       the id or key is taken by something else
    │   ├── PreconditionFailed 412  what is stored is not what the caller asked for it to be
    │   ├── TooLarge    413       over a size limit
    │   ├── Invalid     422       well-formed, but not what the contract asks; carries field errors
    │   └── OverQuota   429       later, perhaps
    │       └── NoRoomLeft            as many as there may be; one has to be deleted first
    ├── Unavailable     503       ours, for a moment: queue full, store busy or gone, disk nearly full
    ├── SecretUnreadable 500      a stored secret doesn't open: its row was changed, or moved, outside of Ringback
    └── StartError                the process can't start; carries the exit code
        (BadSetting, PortTaken, DataDirectoryUnusable, StoreLocked, StoreCorrupt, StoreNewer, StoreOlder,
        MasterKeyUnusable, MasterKeyMissing, StoreExists, MasterKeyRequired, StoreUnreachable, StoreRefused,
        StoreRights, StoreVersion, StorePooler, StoreMoveUnfinished, StoreMoveDiffers)

Each error has a stable `code`, says what happened in `detail`, and stands in docs/errors.md. Store errors that
a caller of the store must tell apart (`CommitInDoubt`, `BadRow`, `Retryable`) stand in `store.port`.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

NO_ROOM_RETRY_AFTER_S: Final = 3_600


class FieldError(NamedTuple):
    """One field that is wrong: its path (`retry.delays_s[2]`, `events[0].type`) and what to do about it."""

    field: str
    message: str


class RingbackError(Exception):
    """Anything Ringback refuses or can't do. `detail` is one or two plain sentences, safe to show to anyone."""

    code: str = "internal"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class Refused(RingbackError):
    """The caller's fault. `status` is the HTTP status that says so; `errors` name what is wrong where that is more than
    the detail says."""

    status: ClassVar[int] = 400
    errors: tuple[FieldError, ...] = ()


class Malformed(Refused):
    status = 400
    code = "malformed"


class NoKey(Refused):
    status = 401
    code = "no_key"


class WrongPassword(Refused):
    """Whether there is an operator of that name is not said."""

    status = 401
    code = "wrong_password"


class Forbidden(Refused):
    status = 403
    code = "forbidden"


class WebhooksDisabled(Forbidden):
    """The operator has switched the tenant's webhooks off: no key of the tenant opens them."""

    code = "webhooks_disabled"

    def __init__(self) -> None:
        super().__init__(
            "The operator has switched webhooks off for this tenant (webhooks_enabled is false): nothing is accepted "
            "or sent until an admin key switches them on."
        )


class NotFound(Refused):
    status = 404
    code = "not_found"


class NoSuchRecord(NotFound):
    """What can only be done to a record that is there. `place` is where it stands in its request: "" or
    `records[3]`."""

    code = "no_such_record"

    def __init__(self, place: str = "") -> None:
        message = "is of no record that is there: it was never written, or it is deleted"
        if place:
            super().__init__(f"{place} {message}. Nothing of the request was done.")
            self.errors = (FieldError(place, message),)
        else:
            super().__init__("There is no such record: it was never written, or it is deleted.")


class Conflict(Refused):
    status = 409
    code = "conflict"


class PreconditionFailed(Refused):
    """A record is to be changed only if it is as the caller knows it, and it is not. `revision` is the one that is
    stored (0: it is not there); `place` is where the change stands in its request: "" or `records[3]`."""

    status = 412
    code = "precondition_failed"

    def __init__(self, revision: int, place: str = "") -> None:
        stored = f"has the revision {revision} now" if revision else "is not there"
        super().__init__(
            f"{place or 'The record'} {stored}, which is not what the request asks for. Nothing was changed: read the "
            "record, then decide."
        )
        if place:
            self.errors = (FieldError(place, f"{stored}, which is not what was asked for"),)


class TooLarge(Refused):
    status = 413
    code = "too_large"


class Invalid(Refused):
    """Well-formed, but not what the contract asks. `errors` name the fields."""

    status = 422
    code = "invalid"

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.errors = tuple(errors)


class OverQuota(Refused):
    """Too much for now. `retry_after_s` is when it is worth trying again."""

    status = 429
    code = "over_quota"

    def __init__(self, detail: str, retry_after_s: int = 1, *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class NoRoomLeft(OverQuota):
    """As many as there may be are there: nothing changes until somebody deletes one."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail, NO_ROOM_RETRY_AFTER_S, code=code)


class Unavailable(RingbackError):
    """Ours, for a moment. Nothing was accepted, or it is not known to be; the caller may try again."""

    code = "unavailable"
    status: ClassVar[int] = 503

    def __init__(self, detail: str, retry_after_s: int = 1, *, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class SecretUnreadable(RingbackError):
    """A stored secret doesn't open with any key: the row was changed or moved. Only a new secret helps."""

    code = "secret_unreadable"
    status: ClassVar[int] = 500


class StartError(RingbackError):
    """The process can't start. `exit_code` is documented in docs/cli.md."""

    code = "start_failed"
    exit_code: ClassVar[int] = 1


class BadSetting(StartError):
    code = "bad_setting"
    exit_code = 2


class PortTaken(StartError):
    code = "port_taken"
    exit_code = 3


class DataDirectoryUnusable(StartError):
    code = "data_directory_unusable"
    exit_code = 4


class StoreLocked(StartError):
    code = "store_locked"
    exit_code = 5


class StoreCorrupt(StartError):
    code = "store_corrupt"
    exit_code = 6


class StoreNewer(StartError):
    code = "store_newer"
    exit_code = 7


class StoreOlder(StartError):
    code = "store_older"
    exit_code = 8


class MasterKeyUnusable(StartError):
    code = "master_key_unusable"
    exit_code = 11


class MasterKeyMissing(StartError):
    code = "master_key_missing"
    exit_code = 12


class StoreExists(StartError):
    code = "store_exists"
    exit_code = 13


class ProfileFileUnusable(StartError):
    """`key` is the dotted key that is wrong and `line` where it stands, from 1; None where that is not known."""

    code = "profile_file_unusable"
    exit_code = 15

    def __init__(self, detail: str, key: str | None = None, line: int | None = None) -> None:
        super().__init__(detail)
        self.key = key
        self.line = line


# ── a database on another machine ─────────────────────────────────────────────────────────────────────────────


class StoreUnreachable(StartError):
    """Nobody answers there, or it is starting, stopping or full just now: worth waiting for."""

    code = "store_unreachable"
    exit_code = 16


class StoreRefused(StartError):
    """The database server doesn't let us in, and won't: password, user, database, host name, TLS. Not worth waiting
    for."""

    code = "store_refused"
    exit_code = 17


class StoreRights(StartError):
    """We are in, and may not do there what has to be done: no right to create, to read or to write; read-only."""

    code = "store_rights"
    exit_code = 18


class StoreVersion(StartError):
    """The database server is older than the oldest version that is supported, or is no PostgreSQL."""

    code = "store_version"
    exit_code = 19


class StorePooler(StartError):
    """Between us and the database is a pooler that gives each transaction another session."""

    code = "store_pooler"
    exit_code = 20


class MasterKeyRequired(StartError):
    """The store is shared between machines, and RINGBACK_MASTER_KEY is not set."""

    code = "master_key_required"
    exit_code = 21


class StoreMoveUnfinished(StartError):
    """Another store is being moved into this one, or was until that was interrupted."""

    code = "store_move_unfinished"
    exit_code = 22


class StoreMoveDiffers(StartError):
    """What was moved is not what is in the source."""

    code = "store_move_differs"
    exit_code = 23
