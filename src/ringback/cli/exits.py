"""The exit codes of `ringback`, which scripts may rely on. docs/cli.md is tested to list them."""

from enum import IntEnum

from ringback.model import errors


class ExitCode(IntEnum):
    """What the number that a command ends with means."""

    OK = 0
    UNEXPECTED = 1
    BAD_SETTING = errors.BadSetting.exit_code
    PORT_TAKEN = errors.PortTaken.exit_code
    DATA_DIRECTORY_UNUSABLE = errors.DataDirectoryUnusable.exit_code
    STORE_LOCKED = errors.StoreLocked.exit_code
    STORE_CORRUPT = errors.StoreCorrupt.exit_code
    STORE_NEWER = errors.StoreNewer.exit_code
    STORE_OLDER = errors.StoreOlder.exit_code
    API_REFUSED = 9
    API_UNREACHABLE = 10
    MASTER_KEY_UNUSABLE = errors.MasterKeyUnusable.exit_code
    MASTER_KEY_MISSING = errors.MasterKeyMissing.exit_code
    STORE_EXISTS = errors.StoreExists.exit_code
    NOT_CONFIRMED = 14
    PROFILE_FILE_UNUSABLE = errors.ProfileFileUnusable.exit_code
    STORE_UNREACHABLE = errors.StoreUnreachable.exit_code
    STORE_REFUSED = errors.StoreRefused.exit_code
    STORE_RIGHTS = errors.StoreRights.exit_code
    STORE_VERSION = errors.StoreVersion.exit_code
    STORE_POOLER = errors.StorePooler.exit_code
    MASTER_KEY_REQUIRED = errors.MasterKeyRequired.exit_code
    STORE_MOVE_UNFINISHED = errors.StoreMoveUnfinished.exit_code
    STORE_MOVE_DIFFERS = errors.StoreMoveDiffers.exit_code
    PART_FAILED = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "`verify`: not valid; `doctor`: a problem; else: something unexpected failed, and "
    "`RINGBACK_TRACE=1` shows where",
    ExitCode.BAD_SETTING: "a flag, variable or setting is wrong, or the arguments are",
    ExitCode.PORT_TAKEN: "another program listens on the port, or this user may not",
    ExitCode.DATA_DIRECTORY_UNUSABLE: "the data directory can't be made, read or written",
    ExitCode.STORE_LOCKED: "another Ringback has the database open",
    ExitCode.STORE_CORRUPT: "the database is damaged or is none of Ringback's",
    ExitCode.STORE_NEWER: "the database was written by a newer Ringback",
    ExitCode.STORE_OLDER: "the database is older and needs `ringback migrate`",
    ExitCode.API_REFUSED: "the API answered with an error",
    ExitCode.API_UNREACHABLE: "the API could not be reached, or broke off",
    ExitCode.MASTER_KEY_UNUSABLE: "the file with the master key can't be read or written, or others can read it",
    ExitCode.MASTER_KEY_MISSING: "the database has secrets sealed with a master key that is not there",
    ExitCode.STORE_EXISTS: "there is something already where a database or a copy should go",
    ExitCode.NOT_CONFIRMED: "it was to be confirmed and wasn't; nothing was changed",
    ExitCode.PROFILE_FILE_UNUSABLE: "a profile's file can't be read or is no profile",
    ExitCode.STORE_UNREACHABLE: "nobody answered at the database's address for a minute",
    ExitCode.STORE_REFUSED: "the database server doesn't let this user in, or has no such database",
    ExitCode.STORE_RIGHTS: "the user may not do in the database what Ringback has to",
    ExitCode.STORE_VERSION: "the database server is too old",
    ExitCode.STORE_POOLER: "a pooler in transaction mode is between Ringback and the database",
    ExitCode.MASTER_KEY_REQUIRED: "with PostgreSQL, `RINGBACK_MASTER_KEY` has to be set",
    ExitCode.STORE_MOVE_UNFINISHED: "another store was being moved into the database, and that is not finished",
    ExitCode.STORE_MOVE_DIFFERS: "what was moved into the database is not what is in the source",
    ExitCode.PART_FAILED: "a part of the server failed, so the server ended; start it again",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}
