"""What an operator can set: one frozen `Settings`, every key with its default, unit, limit and risk.

A key is read from its flag, else from its variable `RINGBACK_KEY`, else from `ringback.toml`, else it has its
default. Assumes that flags and variables come in by argument: this module never looks at the process's own
environment, and it reads one file, the configuration. It is strict: an unknown key in the file or a value that
doesn't fit raises `BadSetting`, which names the key and where the value came from, but never a secret.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ringback.admin_key import ADMIN_KEY_CHARS_MIN
from ringback.compat_hosts import CompatHost, parse_compat_hosts
from ringback.model import limits
from ringback.model.errors import BadSetting
from ringback.model.master_key import parse_master_keys
from ringback.model.store_url import SQLITE, is_postgresql, shown_url
from ringback.policy.address import Allowed, parse_allowed, parse_name_server
from ringback.setting import SettingInfo, ShownSetting, checked, checked_text, setting

CONFIGURATION_FILE: Final = "ringback.toml"
_USER_INFO: Final = re.compile(r"//[^/]*@")


def _store(url: str) -> str:
    if is_postgresql(url):
        return url
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        raise ValueError(
            "neither of the form sqlite:///PATH (four slashes for an absolute path) nor postgresql://USER@HOST/DATABASE"
        )
    return url


def _public_url(url: str) -> str:
    return _plain_url(url, "https://webhooks.example.com")


def _otlp_url(url: str) -> str:
    plain = _plain_url(url, "http://127.0.0.1:4318/v1/traces")
    return plain if urlsplit(plain).path else f"{plain}/v1/traces"


def _plain_url(url: str, example: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"not a URL such as {example}")
    return url.rstrip("/")


def _admin_key(key: str) -> str:
    if len(key) < ADMIN_KEY_CHARS_MIN or not re.fullmatch(r"[!-~]+", key):
        raise ValueError(f"must be visible ASCII without blanks, {ADMIN_KEY_CHARS_MIN} characters or more")
    return key


def _master_key(text: str) -> str:
    parse_master_keys(text)
    return text


def _operator_tenant(tenant_id: str) -> str:
    if not re.fullmatch(rf"[a-zA-Z0-9_-]{{1,{limits.TENANT_ID_CHARS_MAX}}}", tenant_id):
        raise ValueError(f"not a tenant's id: 1 to {limits.TENANT_ID_CHARS_MAX} letters, digits, _ and -")
    return tenant_id


def _name_servers(entries: Sequence[str]) -> tuple[str, ...]:
    return tuple(parse_name_server(entry) for entry in entries)


def _certificates(path: str) -> str:
    try:
        if b"BEGIN CERTIFICATE" in Path(path).read_bytes():
            return path
    except OSError as error:
        raise ValueError(f"{path!r} can't be read ({error.strerror})") from None
    raise ValueError(f"{path!r} has no certificate in PEM form in it")


def _allowed(entries: Sequence[str]) -> tuple[Allowed, ...]:
    return tuple(parse_allowed(entry) for entry in entries)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. Made by `load`, which has checked it; tests may make one directly."""

    host: str = setting(
        "127.0.0.1",
        "The address to listen on; `0.0.0.0` for all.",
        risk="Beyond loopback, put TLS in front: keys travel in the clear otherwise.",
    )
    port: int = setting(8080, "The port to listen on; 0 takes a free one.", between=(0, 65_535))
    data: Path = setting(  # noqa: RUF009 - `setting` is `field` with words
        Path("data"),
        "The data directory: the database, its master key and the first admin key. Made when it is missing. With "
        "PostgreSQL it has the profiles in files, if there are any, and the first admin key.",
        risk="Holds secrets; on a network file system SQLite can lose data.",
    )
    store: str | None = setting(
        None,
        "Where everything is kept: `sqlite:///PATH`, relative to the working directory (four slashes for an absolute "
        "path), or `postgresql://USER:PASSWORD@HOST/DATABASE`, as libpq reads it, also with several hosts. Default: "
        "`ringback.db` in the data directory.",
        risk="A password in it can be seen by whoever sees this machine's processes when it comes from the flag: set "
        "the variable, or keep the password in a `~/.pgpass`.",
        hidden=True,
        check=_store,
    )
    role: str = setting(
        "all",
        "What this process does: accept and send (`all`), only accept (`api`) or only send (`engine`).",
        risk="SQLite is open in one process at a time: with `api` nothing is sent, with `engine` nothing is accepted. "
        "With PostgreSQL another process has to do what this one doesn't.",
        choices=("all", "api", "engine"),
    )
    public_url: str | None = setting(
        None, "The URL under which others reach this server, if it isn't host and port.", check=_public_url
    )
    compat_hosts: tuple[CompatHost, ...] = setting(
        (),
        "Host names at whose root the management API of a published contract stands, and nothing else: a list of "
        "HOST=NAME, such as `api.example.com=vainu`. See docs/compat.md.",
        check=parse_compat_hosts,
    )
    operator_tenant: str | None = setting(
        None,
        "The id of a tenant that is told of Ringback's own work for all tenants: operational events of every one are "
        "stored there too. See docs/operational-events.md.",
        risk="Whoever has a key of that tenant learns of all others' endpoints: their ids, labels and hosts. Every "
        "delivery that fails makes an event.",
        check=_operator_tenant,
    )
    allow_private: bool = setting(
        False,
        "Endpoints may be http, on any port and on private addresses.",
        risk="Whoever may register an endpoint can reach your inner network. For development.",
    )
    allow: tuple[Allowed, ...] = setting(
        (),
        "Private addresses that endpoints may have all the same, over http too: a list of CIDR:PORT (without a port: "
        "on any). Everything else stays refused.",
        risk="What is listed can be reached by whoever may register an endpoint.",
        check=_allowed,
    )
    bins: bool = setting(
        False,
        "The console's inspector: addresses below `/bins` that keep what is sent to them, for trying webhooks. It is "
        "on with `ringback up`. See docs/bins.md.",
        risk="Whoever knows the address of a bin can have this server store requests, about 50 MB for each of at most "
        f"{limits.BINS_MAX} bins.",
    )
    allow_http: bool = setting(
        False,
        "Endpoints may be http as well as https, on public addresses (`allow_private` implies it).",
        risk="Whoever is on the way can read the events and change them, and read credentials; signatures still show a "
        "change.",
    )
    name_servers: tuple[str, ...] = setting(
        (),
        "The name servers that endpoints' names are looked up with: a list of ADDRESS or ADDRESS:PORT. Default: those "
        "of the system. `/etc/hosts` goes before either.",
        risk="It is asked for every name, and one that doesn't answer stops deliveries. What it answers is believed, "
        "but private addresses stay refused and certificates have to fit the name.",
        check=_name_servers,
    )
    ca_file: str | None = setting(
        None,
        "A PEM file with the authorities whose certificates are trusted, instead of the system's.",
        risk="Whoever has the key of one of them can pose as any receiver.",
        check=_certificates,
    )
    admin_key: str | None = setting(
        None,
        "An admin key that holds while it is set. Without it the first start makes one. With PostgreSQL: in the "
        "processes where it is set; one that the first start makes holds in all.",
        risk="May do everything.",
        secret=True,
        check=_admin_key,
    )
    master_key: str | None = setting(
        None,
        "What seals the secrets in the database: base64 of 32 bytes. Of several, separated by commas, the first seals "
        "and all open. Without it the first start makes `master.key` in the data directory. With PostgreSQL it has to "
        "be set, and be the same for every process.",
        risk="Without the key that sealed it, no secret can be read again: keep a copy apart from the backups.",
        secret=True,
        check=_master_key,
    )
    migrate: bool = setting(
        False,
        "Bring an older database up to date at the start instead of refusing it (SQLite) or waiting until another "
        "does it (PostgreSQL).",
        risk="Can't be undone: back up first.",
    )
    log_level: str = setting("info", "The least that is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = setting("text", "How a log line looks.", choices=("text", "json"))
    log_attempts: bool = setting(
        False,
        "Log one line for every request that is sent (needs `log_format` json and `log_level` info or lower).",
        risk="One line an attempt, thousands a second under load.",
    )
    otlp_url: str | None = setting(
        None,
        "Where a collector takes traces (OTLP over HTTP), such as `http://127.0.0.1:4318/v1/traces`. Without it "
        "nothing is traced. Needs the extra `ringback[otel]`; `OTEL_EXPORTER_OTLP_HEADERS` and its like hold too.",
        risk="Spans name tenants, endpoints, events and receivers' hosts. Under load, tracing every event costs much "
        "of the rate: lower `trace_share`.",
        check=_otlp_url,
    )
    trace_share: float = setting(
        1.0,
        "How many of the requests that come without a `traceparent` begin a trace: 1 all, 0 none.",
        between=(0, 1),
    )
    propagate_trace: bool = setting(
        False,
        "Requests to endpoints carry the `traceparent` of their event.",
        risk="Receivers see the ids of your traces, and may send spans of their own to where those ids are known.",
    )
    disk_free_bytes_min: int = setting(
        limits.DISK_FREE_BYTES_MIN,
        "With less free space than this where the database is, or than a tenth of a disk that is small, no events are "
        "accepted (503); deliveries go on.",
        risk="Too little leaves no room to record what was accepted; 0 waits until the disk is really full.",
        unit="bytes",
        between=(0, 1024**4),
    )
    waiting_events_max: int = setting(
        limits.WAITING_EVENTS_MAX,
        "Once so many events wait for their commit, further ones are refused (503, `busy`). So they are, "
        "whatever is set here, when what waits and what is being read takes "
        f"{limits.WAITING_BYTES_MAX // 1024**2} MiB.",
        risk="Too few refuse bursts that could be stored; what waits takes memory, and its callers wait longer.",
        unit="events",
        between=(1, 1_000_000),
    )
    in_flight_max: int = setting(
        limits.IN_FLIGHT_MAX,
        "Requests to endpoints under way at once, over all endpoints.",
        risk="Each takes a socket: raise the limit of open files along with it.",
        unit="requests",
        between=(1, 10_000),
    )
    payload_bytes_max: int = setting(
        limits.PAYLOAD_BYTES_MAX,
        "What one event may bring: `data` and `previous` together.",
        risk="Receivers may refuse larger bodies.",
        unit="bytes",
        between=(1024, limits.PAYLOAD_BYTES_HARD_MAX),
    )
    endpoints_per_tenant_max: int = setting(
        limits.ENDPOINTS_PER_TENANT_MAX,
        "Endpoints that one tenant may have.",
        risk="One event may become that many requests.",
        unit="endpoints",
        between=(1, limits.ENDPOINTS_PER_TENANT_HARD_MAX),
    )
    resolve_s_max: float = setting(
        limits.RESOLVE_S_MAX, "The longest a name may take to resolve.", unit="seconds", between=(0.1, 20)
    )
    connect_s_max: float = setting(
        limits.CONNECT_S_MAX, "The longest a connection may take, TLS included.", unit="seconds", between=(0.1, 20)
    )
    response_body_kept_bytes_max: int = setting(
        limits.RESPONSE_BODY_KEPT_BYTES_MAX,
        "How much of a receiver's answer the log keeps.",
        risk="The database grows with it.",
        unit="bytes",
        between=(0, limits.RESPONSE_BODY_READ_BYTES_MAX),
    )

    @property
    def admin_key_path(self) -> Path:
        """Where the first start keeps the admin key that it makes."""
        return self.data / "admin.key"

    @property
    def store_path(self) -> Path:
        """The SQLite file. Only where `postgresql_url` is None."""
        return self.data / "ringback.db" if self.store is None else Path(self.store.removeprefix(SQLITE))

    @property
    def postgresql_url(self) -> str | None:
        """The URL for the driver where the store is PostgreSQL, password and all; never to be shown."""
        return self.store if is_postgresql(self.store) else None

    @property
    def store_shown(self) -> str:
        """How the store is called before people: the file, or the URL without its password."""
        return str(self.store_path) if self.postgresql_url is None else shown_url(self.postgresql_url)

    @property
    def key_directory(self) -> Path | None:
        """Where `master.key` is kept; None where it would be a key of one machine of several."""
        return self.data if self.postgresql_url is None else None


def catalogue() -> tuple[SettingInfo, ...]:
    """All keys in the order of `Settings`, for loading, for docs/settings.md and for the tests of both."""
    return tuple(
        SettingInfo(
            name=key.name, kind=str if key.default is None else type(key.default), default=key.default, **key.metadata
        )
        for key in fields(Settings)
    )


def shown(settings: Settings) -> tuple[ShownSetting, ...]:
    """What is in force, as people may see it: of secrets only whether they are set, of URLs no password."""
    return tuple(
        ShownSetting(info, _shown(settings, info), getattr(settings, info.name) == info.default) for info in catalogue()
    )


def _shown(settings: Settings, info: SettingInfo) -> str:
    value = getattr(settings, info.name)
    if info.secret:
        return "set, and not shown" if value else "not set"
    if info.name == "store":
        return settings.store_shown
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    texts = [_entry(one) for one in value] if isinstance(value, tuple) else [str(value)]
    return ", ".join(_USER_INFO.sub("//***@", text) for text in texts)


def _entry(one: object) -> str:
    """An entry of a list as it is written."""
    if isinstance(one, CompatHost):
        return f"{one.host}={one.contract}"
    if isinstance(one, Allowed):
        return str(one.network) if one.port is None else f"{one.network}:{one.port}"
    return str(one)


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
            chosen[info.name] = checked(info, given, f"from {info.flag}")
        elif environment.get(info.variable):
            chosen[info.name] = checked_text(info, environment[info.variable])
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
    return {name: checked(known[name], value, f"from {path}") for name, value in table.items()}
