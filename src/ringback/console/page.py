"""A page that is being asked for: who asks, what for, and the answers a view can give.

Made by `routing` once it is sure that whoever asks may. A view is `def view(page: Page) -> Response`; it runs on a
thread of its own, may ask use cases and wait for them, and never sees anybody else's session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from ringback.console.parts import ConsoleParts
from ringback.console.rendering import render
from ringback.model.console import ConsoleSession, Role
from ringback.model.errors import FieldError, NotFound

BASE: Final = "/console"
SAID_COOKIE: Final = "ringback_said"
SAID_S_MAX: Final = 60
SAID_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Page:
    """`path` is what was asked for, without the query; `names` are the variable parts of it; `form` what was posted
    (the last value of each name; `forms` has all). `session` is None only where nobody need be signed in."""

    parts: ConsoleParts
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    forms: Mapping[str, Sequence[str]]
    session: ConsoleSession | None
    token: str
    csrf: str
    said: str

    @property
    def tenant_id(self) -> str:
        """The tenant that the page is about."""
        return self.names["tenant"]

    @property
    def signed_in(self) -> ConsoleSession:
        """The session, on pages that need one."""
        assert self.session is not None  # noqa: S101 - `routing` has seen to it
        return self.session

    @property
    def actor(self) -> str:
        """Who it is, for the audit log."""
        return self.signed_in.actor

    @property
    def by_operator(self) -> bool:
        return self.signed_in.role is Role.OPERATOR

    @property
    def may_change(self) -> bool:
        return self.signed_in.role is not Role.VIEWER

    def address(self, *steps: str, **query: str | int | None) -> str:
        """An address in this tenant's part: `page.address("runs", run_id, outcome="failed")`."""
        return address("t", self.tenant_id, *steps, **query)

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        errors: Sequence[FieldError] = (),
        problem: str = "",
        **values: object,
    ) -> Response:
        """The page by this template. `errors` stand at their fields (`form.html`), `problem` above everything."""
        shown = {"page": self, "errors": messages_of(errors), "problem": problem, **values}
        response = HTMLResponse(render(template, shown), status)
        if self.said:
            response.delete_cookie(SAID_COOKIE, path=BASE)
        return response

    def unsure(self, question: str, label: str) -> Response | None:
        """A page that asks before something destructive is done; None: whoever posts has said yes. (Where there is
        JavaScript it has asked already.)"""
        if self.form.get("sure") == "yes":
            return None
        kept = {name: values[-1] for name, values in self.forms.items() if name not in ("csrf", "sure")}
        return self.render("confirm.html", question=question, label=label, kept=kept)

    def redirect(self, to: str, *, said: str = "") -> Response:
        """On to another page, which begins by saying what was done. `to` is one of `address`."""
        response = RedirectResponse(to, 303)
        if said:
            # A cookie takes ASCII without commas or semicolons.
            text = quote(said[:SAID_CHARS_MAX])
            secure = self.parts.facts.secure
            response.set_cookie(
                SAID_COOKIE, text, max_age=SAID_S_MAX, path=BASE, httponly=True, samesite="lax", secure=secure
            )
        return response


def address(*steps: str, **query: str | int | None) -> str:
    """An address of the console; what is None or "" in the query is left out."""
    path = "/".join([BASE, *(quote(step, safe="") for step in steps)])
    asked = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked)}" if asked else path


def messages_of(errors: Sequence[FieldError]) -> dict[str, str]:
    """Field → what is wrong with it, the first thing."""
    found: dict[str, str] = {}
    for error in errors:
        found.setdefault(error.field, error.message)
    return found


def nothing_here() -> NotFound:
    """What is somebody else's, or nobody's."""
    return NotFound("There is nothing at this address.")
