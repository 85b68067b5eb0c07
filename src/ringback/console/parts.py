"""What the console is made of; `compose` makes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ringback.control.attempts import AttemptUseCases
from ringback.control.bins import BinUseCases
from ringback.control.endpoints import EndpointUseCases
from ringback.control.event_types import EventTypeUseCases
from ringback.control.events import EventUseCases
from ringback.control.keys import KeyUseCases
from ringback.control.paging import Page, PageRequest
from ringback.control.processes import ProcessUseCases
from ringback.control.profiles import ProfileUseCases
from ringback.control.readiness import Readiness
from ringback.control.record_types import RecordTypeUseCases
from ringback.control.records import RecordUseCases
from ringback.control.replays import ReplayUseCases
from ringback.control.rules import RuleUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.control.tracked_sets import TrackedSetUseCases
from ringback.control.triggers import TriggerUseCases
from ringback.control.troubled import TroubledUseCases
from ringback.model.console import AuditEntry, ConsoleLink, ConsoleSession, Operator
from ringback.pulse import Room
from ringback.setting import ShownSetting


class NewSession(Protocol):
    """A session with the token that opens it, which is shown once."""

    @property
    def token(self) -> str: ...

    @property
    def session(self) -> ConsoleSession: ...


class Access(Protocol):
    """How people get in (`control.console_access`)."""

    def sign_in_operator(self, name: str, password: str) -> NewSession:
        """Raises Refused: the password is wrong, or there were too many wrong ones."""

    def sign_in_key(self, key: str) -> NewSession:
        """By an admin key. Raises Refused."""

    def peek_link(self, token: str) -> ConsoleLink | None:
        """The link, which stays as it is."""

    def enter(self, token: str) -> NewSession | None:
        """Use a link up; None when there is none."""

    def session(self, token: str) -> ConsoleSession | None:
        """Whoever has this token; None when nobody has, or not any more."""

    def sign_out(self, token: str) -> None: ...

    def csrf_token(self, token: str) -> str:
        """What the forms of a session carry."""


class Trail(Protocol):
    """Who did what (`control.audit`)."""

    def record(self, actor: str, action: str, tenant_id: str | None, about: str = "", **values: str) -> None: ...


class Activity(Protocol):
    """What was done, read (`control.audit`)."""

    def list(self, tenant_id: str | None, page: PageRequest, *, all_tenants: bool = False) -> Page[AuditEntry]:
        """Newest first: of a tenant; of what belongs to none (None); or of everybody."""


class OperatorAccounts(Protocol):
    """Who runs this Ringback (`control.operators`)."""

    def create(self, name: str, password: str) -> Operator:
        """Raises Invalid, Conflict, OverQuota."""

    def list(self, page: PageRequest) -> Page[Operator]:
        """By name."""

    def change_password(self, operator_id: str, password: str) -> None:
        """Ends the operator's sessions. Raises Invalid, NotFound."""

    def delete(self, operator_id: str) -> None:
        """With the operator's sessions. Raises NotFound."""


class ConsoleFacts(NamedTuple):
    """What doesn't change while the process runs. `secure`: people come by https alone; `bins`: the inspector is on;
    `base_url`: where others reach this server."""

    version: str
    secure: bool
    bins: bool
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """What the pages are made from."""

    facts: ConsoleFacts
    access: Access
    trail: Trail
    tenants: TenantUseCases
    endpoints: EndpointUseCases
    secrets: SecretUseCases
    attempts: AttemptUseCases
    events: EventUseCases
    samples: SampleUseCases
    replays: ReplayUseCases
    event_types: EventTypeUseCases
    profiles: ProfileUseCases
    keys: KeyUseCases
    triggers: TriggerUseCases
    rules: RuleUseCases
    tracked_sets: TrackedSetUseCases
    records: RecordUseCases
    record_types: RecordTypeUseCases
    readiness: Readiness
    bins: BinUseCases
    activity: Activity
    operators: OperatorAccounts
    troubled: TroubledUseCases
    processes: ProcessUseCases
    room: Callable[[], Room]
    settings: Sequence[ShownSetting]
