"""The console on the memory store, with somebody of each role signed in: what the tests of its pages talk to.

The tenants are those of `ApiWorld`. Pages are asked for and forms are sent as a browser without JavaScript would.
"""

from typing import Any
from unittest.mock import Mock

import httpx
from starlette.testclient import TestClient

from ringback.console.app import routes_of
from ringback.console.parts import ConsoleFacts, ConsoleParts
from ringback.control.bins import BinUseCases
from ringback.control.processes import ProcessUseCases
from ringback.control.troubled import TroubledUseCases
from ringback.model.console import ConsoleLink, ConsoleSession, Role
from ringback.model.errors import Refused
from ringback.observe.families import Family
from ringback.observe.meters import AttemptMeter, IngestMeter
from ringback.observe.telemetry import TelemetryEvent
from ringback.pulse import PulseTaker, Running
from ringback.testing.clock import ManualClock
from support.api_world import OPERATOR_KEY, ApiWorld
from support.page_text import readable
from support.rows import NOW, TENANT

FOR_EVER = 1 << 60


class Opened:
    """A new session."""

    def __init__(self, token: str, session: ConsoleSession) -> None:
        self.token = token
        self.session = session


class Door:
    """`Access` without a store: tokens are the names of roles."""

    def __init__(self) -> None:
        self.sessions = {
            "operator": ConsoleSession(b"o", Role.OPERATOR, None, "operator:op_1", "ada", NOW, FOR_EVER),
            "administrator": ConsoleSession(b"a", Role.ADMINISTRATOR, TENANT, "link:acme", "link key_1", NOW, FOR_EVER),
            "viewer": ConsoleSession(b"v", Role.VIEWER, TENANT, "link:acme", "link key_2", NOW, FOR_EVER),
        }
        self.links = {"ticket": ConsoleLink(b"t", TENANT, Role.VIEWER, "key_2", FOR_EVER)}

    def sign_in_operator(self, name: str, password: str) -> Opened:
        if (name, password) != ("ada", "correct horse battery"):
            raise Refused("The name or the password is wrong.", code="wrong_password")
        return Opened("operator", self.sessions["operator"])

    def sign_in_key(self, key: str) -> Opened:
        if key != OPERATOR_KEY:
            raise Refused("This is no admin key.", code="wrong_password")
        return Opened("operator", self.sessions["operator"])

    def peek_link(self, token: str) -> ConsoleLink | None:
        return self.links.get(token)

    def enter(self, token: str) -> Opened | None:
        return Opened("viewer", self.sessions["viewer"]) if self.links.pop(token, None) else None

    def session(self, token: str) -> ConsoleSession | None:
        return self.sessions.get(token)

    def sign_out(self, token: str) -> None:
        del self.sessions[token]

    def csrf_token(self, token: str) -> str:
        return f"csrf of {token}"


class Counted:
    """The meters of a process."""

    def __init__(self, clock: ManualClock) -> None:
        self.ingest = IngestMeter(clock)
        self.attempts = AttemptMeter(clock)


class ConsoleWorld(ApiWorld):
    """`browse` and `send` are what a browser does; `done` is the audit log of the console."""

    def __init__(self, *, bins: bool = True, **more: Any) -> None:
        super().__init__(**more)
        self.door = Door()
        self.done: list[tuple[str, str, str | None, str]] = []
        trail = Mock()
        trail.record = lambda actor, action, tenant_id, about="", **values: self.done.append(
            (actor, action, tenant_id, about)
        )
        made = {
            name: getattr(self.parts, name)
            for name in ConsoleParts.__dataclass_fields__
            if name not in ("facts", "access", "trail") and hasattr(self.parts, name)
        }
        self.console = ConsoleParts(
            ConsoleFacts("0.0", False, bins, "http://here.example"), self.door, trail, **{**made, **self.more_parts()}
        )
        self.app.router.routes.extend(routes_of(self.console))
        self.client = TestClient(self.app, follow_redirects=False)

    def more_parts(self) -> dict[str, Any]:
        """Parts that only the console has."""
        self.meters = Counted(self.clock)
        self.gauges: dict[Family, dict[tuple[str, ...], float]] = {}
        self.told: list[TelemetryEvent] = []
        self.pulse = self.taker()
        return {
            "bins": BinUseCases(self.store, self.clock, self.profiles),
            "activity": self.parts.trail,
            "troubled": TroubledUseCases(self.store, self.clock),
            "processes": ProcessUseCases(self.store, self.clock),
            "room": self.pulse.room,
            "settings": (),
        }

    def taker(self, process: str = "proc_1", role: str = "all") -> PulseTaker:
        """Of another process with the same figures."""
        return PulseTaker(
            Running(process, "here:1", "0.0", role),
            self.store,
            meters=self.meters,
            gauges=lambda: self.gauges,
            clock=self.clock,
            wait=self.clock.pass_s,
            observer=self.told.append,
        )

    def browse(self, path: str, role: str | None = "administrator") -> httpx.Response:
        """GET a page."""
        return self.client.get(path, headers=_cookie(role))

    def send(
        self, path: str, form: dict[str, Any] | None = None, role: str | None = "administrator", csrf: str | None = None
    ) -> httpx.Response:
        """POST a form, with the token that the page had."""
        data = {"csrf": f"csrf of {role}" if csrf is None else csrf, **(form or {})}
        return self.client.post(path, data=data, headers=_cookie(role))

    def shown(self, path: str, role: str | None = "administrator") -> str:
        """The text of a page that is there, without its marks."""
        answer = self.browse(path, role)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return text_of(answer)


def text_of(answer: httpx.Response) -> str:
    """What can be read on a page, in one line."""
    return readable(answer.text)


def _cookie(role: str | None) -> dict[str, str]:
    return {} if role is None else {"Cookie": f"ringback_session={role}"}
