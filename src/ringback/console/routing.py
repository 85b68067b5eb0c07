"""The gate of every page: session, tenant, role and CSRF are checked before a view runs.

A route says what it needs; there is no way to make one without. Whoever may not see a page learns nothing of what is
there: another tenant's is 404. Forms are read up to a limit. Errors of the use cases become pages; a defect becomes one
that says so, and the framework logs it. After a change the audit log has it.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ringback.console.assets import send_asset
from ringback.console.page import BASE, SAID_COOKIE, Page, nothing_here
from ringback.console.parts import ConsoleParts
from ringback.console.rendering import render
from ringback.model.console import SESSION_S_MAX, ConsoleSession, Role
from ringback.model.errors import Forbidden, OverQuota, Refused, RingbackError
from ringback.model.limits import MANAGEMENT_BODY_BYTES_MAX

SESSION_COOKIE: Final = "ringback_session"
CSRF_FIELD: Final = "csrf"
WANTED: Final = "next"
"""Where somebody who has to sign in first goes on."""
FIELDS_MAX: Final = 2_000
# What browsers say of a form of ours, and of an address that was typed (Fetch Metadata).
_OWN_SITES: Final = ("same-origin", "none")
_FORM: Final = "application/x-www-form-urlencoded"

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Need(StrEnum):
    """What a page asks of whoever wants it: nothing; to see what is one tenant's; to change it; to run Ringback; or,
    for pages that belong to no tenant, just to be signed in."""

    NOTHING = "nothing"
    SESSION = "session"
    VIEW = "view"
    CHANGE = "change"
    OPERATE = "operate"


View = Callable[[Page], Response]


class PageRoute(NamedTuple):
    """A page: `GET` shows, `POST` changes. `path` is below /console. What a POST is called in the audit log is the name
    of its view, unless it answers without having changed anything (any status but 303)."""

    method: str
    path: str
    need: Need
    view: View


class Asking(NamedTuple):
    """A request, as far as views are told of it. `elsewhere`: the browser says that another site's page sent it."""

    method: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    forms: Mapping[str, Sequence[str]]
    token: str
    said: str
    elsewhere: bool = False


def console_routes(parts: ConsoleParts, pages: Sequence[PageRoute]) -> list[BaseRoute]:
    """Everything below /console."""
    made: list[BaseRoute] = [Route(f"{BASE}/static/{{mark}}/{{name}}", send_asset, methods=["GET"])]
    made += [_route(parts, page) for page in pages]
    made.append(Route(BASE + "/{rest:path}", _lost(parts), methods=["GET", "POST"], include_in_schema=False))
    return made


def _route(parts: ConsoleParts, page: PageRoute) -> Route:
    async def answer(request: Request) -> Response:
        try:
            asking = await _asking(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except _FormRefused as refused:
            return HTMLResponse(refused.args[0], 413, HEADERS, "text/plain")
        response = await run_in_threadpool(_answer, parts, page, asking)
        response.headers.update(HEADERS)
        return response

    route = Route(BASE + page.path, answer, methods=[page.method], name=page.view.__name__, include_in_schema=False)
    route.page = page  # type: ignore[attr-defined]  # for the test that walks the table
    return route


def _lost(parts: ConsoleParts) -> Callable[[Request], object]:
    lost = PageRoute("GET", "/{rest:path}", Need.NOTHING, _raise_nothing)

    async def answer(request: Request) -> Response:
        query = Asking("GET", request.url.path, {}, {}, {}, request.cookies.get(SESSION_COOKIE, ""), "")
        response = await run_in_threadpool(_answer, parts, lost, query)
        response.headers.update(HEADERS)
        return response

    return answer


def _raise_nothing(page: Page) -> Response:
    raise nothing_here()


class _FormRefused(Exception):
    """A form that is not read."""


async def _asking(request: Request) -> Asking:
    forms = await _form(request) if request.method == "POST" else {}
    query = {name: values[-1] for name, values in _pairs(request.url.query).items()}
    names = {name: str(value) for name, value in request.path_params.items()}
    token = request.cookies.get(SESSION_COOKIE, "")
    said = unquote(request.cookies.get(SAID_COOKIE, ""))
    elsewhere = request.headers.get("sec-fetch-site", "none") not in _OWN_SITES
    return Asking(request.method, request.url.path, names, query, forms, token, said, elsewhere)


async def _form(request: Request) -> dict[str, list[str]]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MANAGEMENT_BODY_BYTES_MAX:
            raise _FormRefused("The form is too large.")
    return _pairs(body.decode("utf-8", "replace"))


def _pairs(text: str) -> dict[str, list[str]]:
    """Name → values; line ends are `\\n`, as whoever typed them means."""
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="replace")
    except ValueError:
        raise _FormRefused("The form has too many fields.") from None
    return {name: [value.replace("\r\n", "\n") for value in values] for name, values in found.items()}


def _answer(parts: ConsoleParts, route: PageRoute, asking: Asking) -> Response:
    """On a thread of its own."""
    session: ConsoleSession | None = None
    try:
        if asking.method == "POST" and asking.elsewhere:
            raise Forbidden("This form was sent by a page of another site. Nothing was done.")
        session = parts.access.session(asking.token) if asking.token else None
        page = _page(parts, asking, session)
        if (refusal := _refusal(route, page)) is not None:
            return refusal
        return _viewed(parts, route, page, posted=asking.method == "POST")
    except RingbackError as error:
        return _told(_page(parts, asking, session), error)


def _viewed(parts: ConsoleParts, route: PageRoute, page: Page, *, posted: bool) -> Response:
    response = route.view(page)
    if posted and response.status_code == 303 and page.session is not None:
        parts.trail.record(page.actor, f"console.{route.view.__name__}", page.names.get("tenant"), _about(page))
    return response


def _page(parts: ConsoleParts, asking: Asking, session: ConsoleSession | None) -> Page:
    csrf = parts.access.csrf_token(asking.token) if session is not None else ""
    form = {name: values[-1] for name, values in asking.forms.items()}
    return Page(
        parts, asking.path, asking.names, asking.query, form, asking.forms, session, asking.token, csrf, asking.said
    )


def _refusal(route: PageRoute, page: Page) -> Response | None:
    """What is answered in the place of the page; None: it may be had."""
    if route.need is Need.NOTHING:
        return None
    session = page.session
    if session is None:
        if route.method == "GET":
            return RedirectResponse(f"{BASE}?{urlencode({WANTED: _asked_for(page)})}", 303)
        return page.render("sign_in.html", status=401, wanted="", problem="You are not signed in any more.")
    if route.method == "POST" and not hmac.compare_digest(page.form.get(CSRF_FIELD, "").encode(), page.csrf.encode()):
        raise Forbidden("This form is not of your session. Load the page again and repeat what you did.")
    if route.need is Need.OPERATE and session.role is not Role.OPERATOR:
        raise nothing_here()
    if "tenant" in page.names and session.role is not Role.OPERATOR and page.tenant_id != session.tenant_id:
        raise nothing_here()
    if route.need is Need.CHANGE and session.role is Role.VIEWER:
        raise Forbidden("You may look at this tenant's webhooks, and not change them.")
    return None


def _asked_for(page: Page) -> str:
    return f"{page.path}?{urlencode(page.query)}" if page.query else page.path


def _about(page: Page) -> str:
    """What a change was made to: the variable parts of its address but the tenant."""
    return " ".join(f"{name} {value}" for name, value in page.names.items() if name != "tenant")


def _told(page: Page, error: RingbackError) -> Response:
    """An error as a page."""
    status = error.status if isinstance(error, Refused) else 503
    values = {"page": page, "error": error, "status": status, "errors": {}, "problem": ""}
    response = HTMLResponse(render("error.html", values), status)
    if isinstance(error, OverQuota):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def session_cookie(response: Response, token: str, *, secure: bool) -> None:
    """Sign in: the browser keeps the token for as long as the session can last."""
    response.set_cookie(
        SESSION_COOKIE, token, max_age=SESSION_S_MAX, path=BASE, httponly=True, samesite="lax", secure=secure
    )
