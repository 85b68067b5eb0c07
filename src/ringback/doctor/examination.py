"""All checks in their order: the settings, the place, the machine, the network."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ringback.clock import Clock
from ringback.doctor.configuration import examine_profiles, examine_risks, examine_variables
from ringback.doctor.database import examine_database, holder_of
from ringback.doctor.finding import Finding, problem
from ringback.doctor.keys import examine_admin_key, examine_master_key
from ringback.doctor.machine import examine_clock, examine_libraries, examine_open_files
from ringback.doctor.network import Network, host_and_port
from ringback.doctor.place import examine_directory, examine_disk, examine_file_system
from ringback.doctor.port import examine_port
from ringback.engine.certificates import trusted_certificates
from ringback.model.errors import BadSetting
from ringback.settings import Settings


class Questions(NamedTuple):
    """What to ask. `offline`: ask nobody outside."""

    deep: bool = False
    offline: bool = False
    dns_name: str = "example.com"
    tls_host: str = "example.com"


def examine(
    settings: Settings | BadSetting, environment: Mapping[str, str], questions: Questions, clock: Clock
) -> Iterator[Finding]:
    """Every finding, as soon as it is known. `settings` may be what was wrong with them: then the rest is looked at.

    Raises BadSetting, before the first, when the questions can't be asked.
    """
    host_and_port(questions.tls_host)
    yield from examine_libraries()
    yield from examine_variables(environment)
    if isinstance(settings, BadSetting):
        yield problem("settings", settings.detail.rstrip("."), "docs/settings.md lists what fits.")
        yield from examine_clock(clock.now_ms())
    else:
        yield from examine_risks(settings)
        yield from examine_profiles(settings.data)
        url = settings.postgresql_url
        yield from _place(settings, questions, clock) if url is None else _shared_place(settings, url, clock)
        yield from examine_open_files(settings.in_flight_max)
        holder = holder_of(settings.store_path.absolute()) if url is None else None
        yield from examine_port(settings.host, settings.port, holder)
    yield from _network(settings if isinstance(settings, Settings) else None, questions, clock)


def _place(settings: Settings, questions: Questions, clock: Clock) -> Iterator[Finding]:
    now_ms, data, path = clock.now_ms(), settings.data.absolute(), settings.store_path.absolute()
    yield from examine_directory(data)
    yield from examine_admin_key(settings)
    yield from examine_file_system(path)
    findings, facts = examine_database(path, now_ms, deep=questions.deep)
    yield from findings
    yield from examine_master_key(settings, facts.sealed_with if facts else ())
    yield from examine_disk(path, facts.grows_by_bytes_a_day if facts else None, settings.disk_free_bytes_min)
    yield from examine_clock(now_ms, facts.newest_attempt_at if facts else None, path)


def _shared_place(settings: Settings, url: str, clock: Clock) -> Iterator[Finding]:
    """Of a database on another machine: nothing of it is in a directory here."""
    # Loaded where it is used: a file needs no driver of a server.
    from ringback.doctor.postgresql import examine_postgresql  # noqa: PLC0415

    yield from examine_admin_key(settings)
    findings, facts = examine_postgresql(url, settings.store_shown, clock)
    yield from findings
    yield from examine_master_key(settings, facts.sealed_with if facts else ())
    yield from examine_clock(clock.now_ms())


def _network(settings: Settings | None, questions: Questions, clock: Clock) -> Iterator[Finding]:
    servers = list(settings.name_servers) if settings is not None else []
    ca_file = settings.ca_file if settings is not None else None
    network = Network(clock, servers or None, ca_file or trusted_certificates())
    yield from network.examine_certificates()
    if questions.offline:
        return
    yield from network.examine_names(questions.dns_name)
    yield from network.examine_tls(questions.tls_host)
    if settings is not None and settings.public_url is not None:
        yield from network.examine_public_url(settings.public_url)
