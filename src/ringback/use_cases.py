"""The use cases behind the API, put together: a part of the composition root that needs no adapter.

Everything stands on the same few things (`Ground`). Makes objects, does nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ringback.api.app import AppParts
from ringback.api.auth import Authenticator
from ringback.clock import Clock
from ringback.control.alerts import AlertUseCases
from ringback.control.attempts import AttemptUseCases
from ringback.control.audit import AuditTrail
from ringback.control.backup import BackupUseCases
from ringback.control.console_access import ConsoleAccess
from ringback.control.endpoints import EndpointUseCases
from ringback.control.event_types import EventTypeUseCases
from ringback.control.events import EventUseCases
from ringback.control.keys import KeyUseCases
from ringback.control.master_key import MasterKeyUseCases
from ringback.control.operators import OperatorUseCases
from ringback.control.passwords import Passwords
from ringback.control.profiles import ProfileUseCases
from ringback.control.readiness import Readiness
from ringback.control.record_types import RecordTypeUseCases
from ringback.control.records import RecordUseCases
from ringback.control.redaction import RedactionUseCases
from ringback.control.replays import ReplayUseCases
from ringback.control.rules import RuleUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.control.tracked_sets import TrackedSetUseCases
from ringback.control.triggers import TriggerUseCases
from ringback.listeners import Wants
from ringback.observe.prometheus import Exposition
from ringback.policy.address import UrlRules
from ringback.profiles import Registry
from ringback.store.port import Store


@dataclass(frozen=True, slots=True)
class Ground:
    """`notify`: configuration was changed; `kick`: there is work; `trail`: this was done. `wants` and `noticed` are for
    operational events (`control.secrets`). `base_url` is where the API is, for contracts that say it; `public_url`
    where people are known to reach it. `admin_key` is the operator's own."""

    store: Store
    clock: Clock
    profiles: Registry
    rules: UrlRules
    endpoints_max: int
    notify: Callable[[], None]
    kick: Callable[[], None]
    trail: AuditTrail
    wants: Wants
    noticed: Callable[[], object]
    base_url: str
    public_url: str | None
    admin_key: str | None
    passwords: Passwords


def app_parts(
    ground: Ground,
    *,
    master_key: MasterKeyUseCases,
    backups: BackupUseCases,
    readiness: Readiness,
    metrics: Exposition,
    authenticator: Authenticator,
) -> AppParts:
    """What the app is made of: these, and all other use cases."""
    store, clock, profiles, notify = ground.store, ground.clock, ground.profiles, ground.notify
    endpoints_max, trail, audit = ground.endpoints_max, ground.trail, ground.trail.told
    return AppParts(
        tenants=TenantUseCases(store, clock, profiles, notify),
        event_types=EventTypeUseCases(store, clock, notify),
        profiles=ProfileUseCases(store, clock, profiles, notify),
        keys=KeyUseCases(store, clock, notify),
        endpoints=EndpointUseCases(store, clock, ground.rules, profiles, notify, endpoints_max=endpoints_max),
        secrets=SecretUseCases(store, clock, profiles, notify, audit, wants=ground.wants, noticed=ground.noticed),
        events=EventUseCases(store, clock, profiles, ground.kick),
        alerts=AlertUseCases(store, profiles, ground.base_url),
        attempts=AttemptUseCases(store, clock),
        master_key=master_key,
        backups=backups,
        samples=SampleUseCases(store, clock, profiles, ground.kick, ground.base_url),
        tracked_sets=TrackedSetUseCases(store, clock),
        records=RecordUseCases(store),
        record_types=RecordTypeUseCases(store, clock, notify),
        triggers=TriggerUseCases(store, clock, notify),
        rules=RuleUseCases(store, clock),
        redactions=RedactionUseCases(store, clock, notify, audit),
        replays=ReplayUseCases(store, clock, profiles, ground.kick),
        operators=OperatorUseCases(store, clock, ground.passwords),
        access=ConsoleAccess(
            store, clock, ground.passwords, trail, admin_key=ground.admin_key, public_url=ground.public_url
        ),
        trail=trail,
        readiness=readiness,
        metrics=metrics,
        authenticator=authenticator,
    )
