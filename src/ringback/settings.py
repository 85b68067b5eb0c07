"""What an operator can set: one frozen `Settings`, every key with its default, unit, limit and risk.

A key is read from its flag, else from its variable `RINGBACK_KEY`, else from `ringback.toml`, else it has its
default. Assumes that flags and variables come in by argument: this module never looks at the process's own
environment, and it reads one file, the configuration. It is strict: an unknown key in the file or a value that
doesn't fit raises `BadSetting`, which names the key and where the value came from, but never a secret.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ringback.model import limits
from ringback.model.errors import BadSetting
from ringback.policy.address import Allowed, parse_allowed

CONFIGURATION_FILE: Final = "ringback.toml"
VARIABLE_PREFIX: Final = "RINGBACK_"
ADMIN_KEY_CHARS_MIN: Final = 20
STORE_SQLITE: Final = "sqlite:///"
_LIST_SEPARATOR: Final = ","

Value = TypeVar("Value")


class SettingInfo(NamedTuple):
    """What is known of one key. `lowest` and `highest` are in `unit`; `choices` () means that anything of its kind
    fits. A `secret` is read from its variable alone. `risk` says what a careless value costs ("" : nothing)."""

    name: str
    kind: type
    default: object
    about: str
    risk: str
    unit: str
    lowest: float
    highest: float
    choices: tuple[str, ...]
    secret: bool
    check: Callable[[Any], Any] | None

    @property
    def variable(self) -> str:
        return VARIABLE_PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def limit(self) -> str:
        """What fits, in words: `1 to 10000 requests`, `all, api or engine`, or "" when its kind is the only limit."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.highest == inf:
            return ""
        return f"{_plain(self.lowest)} to {_plain(self.highest)} {self.unit}".rstrip()


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _setting(
    default: Value,
    about: str,
    *,
    risk: str = "",
    unit: str = "",
    between: tuple[float, float] = (-inf, inf),
    choices: Sequence[str] = (),
    secret: bool = False,
    check: Callable[[Any], Any] | None = None,
) -> Value:
    described = {
        "about": about,
        "risk": risk,
        "unit": unit,
        "lowest": between[0],
        "highest": between[1],
        "choices": tuple(choices),
        "secret": secret,
        "check": check,
    }
    made: Value = field(default=default, metadata=described, repr=not secret)
    return made


def _store(url: str) -> str:
    if url.startswith(("postgresql://", "postgres://")):
        raise ValueError("PostgreSQL comes in a later version; use sqlite:///PATH")
    if not url.startswith(STORE_SQLITE) or len(url) == len(STORE_SQLITE):
        raise ValueError("not of the form sqlite:///PATH (four slashes for an absolute path)")
    return url


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not a URL such as https://webhooks.example.com")
    return url.rstrip("/")


def _admin_key(key: str) -> str:
    if len(key) < ADMIN_KEY_CHARS_MIN or not re.fullmatch(r"[!-~]+", key):
        raise ValueError(f"must be visible ASCII without blanks, {ADMIN_KEY_CHARS_MIN} characters or more")
    return key


def _allowed(entries: Sequence[str]) -> tuple[Allowed, ...]:
    return tuple(parse_allowed(entry) for entry in entries)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Made by `load`, which has checked it; tests may make one directly."""

    host: str = _setting(
        "127.0.0.1",
        "The address to listen on; `0.0.0.0` for all.",
        risk="Beyond loopback, put TLS in front: keys travel in the clear otherwise.",
    )
    port: int = _setting(8080, "The port to listen on; 0 takes a free one.", between=(0, 65_535))
    data: Path = _setting(  # noqa: RUF009 - `_setting` is `field` with words
        Path("data"),
        "The data directory: the database and the first admin key. Made when it is missing.",
        risk="Holds secrets; on a network file system SQLite can lose data.",
    )
    store: str | None = _setting(
        None,
        "Where everything is kept: `sqlite:///PATH`, relative to the working directory (four slashes for an absolute "
        "path). Default: `ringback.db` in the data directory.",
        check=_store,
    )
    role: str = _setting(
        "all",
        "What this process does: accept and send (`all`), only accept (`api`) or only send (`engine`).",
        risk="SQLite is open in one process at a time: with `api` nothing is sent, with `engine` nothing is accepted.",
        choices=("all", "api", "engine"),
    )
    public_url: str | None = _setting(
        None, "The URL under which others reach this server, if it isn't host and port.", check=_public_url
    )
    allow_private: bool = _setting(
        False,
        "Endpoints may be http, on any port and on private addresses.",
        risk="Whoever may register an endpoint can reach your inner network. For development.",
    )
    allow: tuple[Allowed, ...] = _setting(
        (),
        "Private addresses that endpoints may have all the same: a list of CIDR:PORT (without a port: on any).",
        risk="What is listed can be reached by whoever may register an endpoint.",
        check=_allowed,
    )
    admin_key: str | None = _setting(
        None,
        "An admin key that holds while it is set. Without it the first start makes one.",
        risk="May do everything.",
        secret=True,
        check=_admin_key,
    )
    migrate: bool = _setting(
        False,
        "Bring an older database up to date at the start instead of refusing it.",
        risk="Can't be undone: back up first.",
    )
    log_level: str = _setting("info", "The least that is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = _setting("text", "How a log line looks.", choices=("text", "json"))
    log_attempts: bool = _setting(
        False,
        "Log one line for every request that is sent (needs `log_format` json and `log_level` info or lower).",
        risk="One line an attempt, thousands a second under load.",
    )
    in_flight_max: int = _setting(
        limits.IN_FLIGHT_MAX,
        "Requests to endpoints under way at once, over all endpoints.",
        risk="Each takes a socket: raise the limit of open files along with it.",
        unit="requests",
        between=(1, 10_000),
    )
    payload_bytes_max: int = _setting(
        limits.PAYLOAD_BYTES_MAX,
        "One event as it is posted.",
        risk="Receivers may refuse larger bodies.",
        unit="bytes",
        between=(1024, limits.PAYLOAD_BYTES_HARD_MAX),
    )
    endpoints_per_tenant_max: int = _setting(
        limits.ENDPOINTS_PER_TENANT_MAX,
        "Endpoints that one tenant may have.",
        risk="One event may become that many requests.",
        unit="endpoints",
        between=(1, limits.ENDPOINTS_PER_TENANT_HARD_MAX),
    )
    resolve_s_max: float = _setting(
        limits.RESOLVE_S_MAX, "The longest a name may take to resolve.", unit="seconds", between=(0.1, 20)
    )
    connect_s_max: float = _setting(
        limits.CONNECT_S_MAX, "The longest a connection may take, TLS included.", unit="seconds", between=(0.1, 20)
    )
    response_body_kept_bytes_max: int = _setting(
        limits.RESPONSE_BODY_KEPT_BYTES_MAX,
        "How much of a receiver's answer the log keeps.",
        risk="The database grows with it.",
        unit="bytes",
        between=(0, limits.RESPONSE_BODY_READ_BYTES_MAX),
    )

    @property
    def store_path(self) -> Path:
        """The SQLite file."""
        return self.data / "ringback.db" if self.store is None else Path(self.store.removeprefix(STORE_SQLITE))


def catalogue() -> tuple[SettingInfo, ...]:
    """All keys in the order of `Settings`, for loading, for docs/settings.md and for the tests of both."""
    return tuple(
        SettingInfo(
            name=key.name, kind=str if key.default is None else type(key.default), default=key.default, **key.metadata
        )
        for key in fields(Settings)
    )


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    configuration: Path | None = None,
) -> Settings:
    """The settings of a process.

    `flags` are the keys given on the command line (a None counts as not given), `environment` the variables (an
    empty one counts as not set). `configuration` is the file; None means `RINGBACK_CONFIG`, else `ringback.toml`
    in the working directory, which may be missing. What the file has is checked also where something else holds.
    Raises BadSetting.
    """
    chosen: dict[str, Any] = _read_file(configuration, environment)
    for info in catalogue():
        given = flags.get(info.name)
        if given is not None:
            chosen[info.name] = _checked(info, given, f"from {info.flag}")
        elif environment.get(info.variable):
            chosen[info.name] = _checked_text(info, environment[info.variable])
    settings = Settings(**chosen)
    if settings.log_attempts and (settings.log_format != "json" or settings.log_level not in {"debug", "info"}):
        raise BadSetting("log_attempts: needs log_format json, and log_level info or debug.")
    return settings


def _read_file(configuration: Path | None, environment: Mapping[str, str]) -> dict[str, object]:
    """What the configuration has, checked; nothing when none is named and there is none."""
    named = configuration or environment.get("RINGBACK_CONFIG") or None
    path = Path(named or CONFIGURATION_FILE)
    if named is None and not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"The configuration {path} can't be read: {error}") from None
    known = {info.name: info for info in catalogue()}
    for name in table:
        if name not in known:
            raise BadSetting(f"{name}: there is no such setting (from {path}). docs/settings.md lists them.")
        if known[name].secret:
            raise BadSetting(f"{name}: a secret is read from {known[name].variable} alone, not from {path}.")
    return {name: _checked(known[name], value, f"from {path}") for name, value in table.items()}


_YES: Final = {"1", "true", "yes", "on"}
_NO: Final = {"0", "false", "no", "off"}


def _checked_text(info: SettingInfo, text: str) -> object:
    """A variable's text as the file would have it, then checked like the file's."""
    source = f"from {info.variable}"
    if info.kind is bool and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if info.kind is int and re.fullmatch(r"[0-9]{1,18}", text):
        return _checked(info, int(text), source)
    if info.kind is float and re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,9})?", text):
        return _checked(info, float(text), source)
    if info.kind is tuple:
        return _checked(info, [entry.strip() for entry in text.split(_LIST_SEPARATOR) if entry.strip()], source)
    return _checked(info, text, source)


def _checked(info: SettingInfo, value: object, source: str) -> object:
    """`value` in its final type and within its limits. Raises BadSetting, which doesn't show what a check of its own
    refused: that may hold a password."""
    try:
        fitting = _fitting(info, value)
    except ValueError as error:
        raise BadSetting(f"{info.name}: {value!r} {error} ({source}).") from None
    if info.check is None:
        return fitting
    try:
        return info.check(fitting)
    except ValueError as error:
        raise BadSetting(f"{info.name}: {str(error).removesuffix('.')} ({source}).") from None


def _fitting(info: SettingInfo, value: object) -> object:
    if info.kind is bool:
        return _fits(isinstance(value, bool), value, "is neither true nor false")
    if info.kind in {int, float}:
        return _number(info, value)
    if info.kind is tuple:
        listed = isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value)
        value = _fits(listed, value, "is not a list of texts")
    else:
        value = _fits(isinstance(value, str | Path), value, "is not a text")
        value = _fits(str(value) != "", value, "must not be empty")
        value = Path(str(value)) if issubclass(info.kind, Path) else str(value)
    if info.choices and value not in info.choices:
        raise ValueError(f"is not {info.limit}")
    return value


def _number(info: SettingInfo, value: object) -> object:
    complaint = f"is not {'a whole number' if info.kind is int else 'a number'} from {info.limit}"
    fitting = isinstance(value, int if info.kind is int else int | float) and not isinstance(value, bool)
    number: float = info.kind(_fits(fitting, value, complaint))
    return _fits(info.lowest <= number <= info.highest, number, complaint)


def _fits(fitting: bool, value: object, complaint: str) -> object:
    if not fitting:
        raise ValueError(complaint)
    return value
