"""Getting in and out: by name and password, by an admin key, or by a link that the API made."""

from starlette.responses import Response

from ringback.console.page import BASE, Page, address, nothing_here
from ringback.console.parts import NewSession
from ringback.console.routing import SESSION_COOKIE, WANTED, Need, PageRoute, session_cookie
from ringback.model.console import ConsoleSession, Role
from ringback.model.errors import OverQuota, Refused


def front(page: Page) -> Response:
    """Where somebody begins who is signed in; the form for everybody else."""
    wanted = page.query.get(WANTED, "")
    if page.session is None:
        return page.render("sign_in.html", wanted=wanted)
    return page.redirect(_wanted(wanted) or _front_page(page.session))


def sign_in(page: Page) -> Response:
    """By name and password, or by a key alone."""
    name, password = page.form.get("name", "").strip(), page.form.get("password", "")
    key, access = page.form.get("key", "").strip(), page.parts.access
    wanted = page.form.get(WANTED, "")
    try:
        made = access.sign_in_key(key) if key else access.sign_in_operator(name, password)
    except OverQuota as error:
        return page.render("sign_in.html", status=429, problem=error.detail, wanted=wanted)
    except Refused as error:
        return page.render("sign_in.html", status=401, problem=error.detail, wanted=wanted)
    return _let_in(page, made, wanted)


def link(page: Page) -> Response:
    """What a link opens: a button. Programs that look at links in mails don't press it."""
    if (found := page.parts.access.peek_link(page.names["token"])) is None:
        return page.render("enter.html", status=404, link=None)
    return page.render("enter.html", link=found)


def enter(page: Page) -> Response:
    """Use the link up."""
    if (made := page.parts.access.enter(page.names["token"])) is None:
        return page.render("enter.html", status=404, link=None)
    return _let_in(page, made)


def sign_out(page: Page) -> Response:
    page.parts.access.sign_out(page.token)
    response = page.redirect(BASE)
    response.delete_cookie(SESSION_COOKIE, path=BASE)
    return response


def _let_in(page: Page, made: NewSession, wanted: str = "") -> Response:
    page.parts.trail.record(made.session.actor, "console.signed_in", made.session.tenant_id)
    response = page.redirect(_wanted(wanted) or _front_page(made.session))
    session_cookie(response, made.token, secure=page.parts.facts.secure)
    return response


def _wanted(address: str) -> str | None:
    """The page that somebody came for; None: it is none of the console's."""
    ours = address.startswith(f"{BASE}/") and address.isascii() and address.isprintable() and "\\" not in address
    return address if ours else None


def _front_page(session: ConsoleSession) -> str:
    if session.role is Role.OPERATOR:
        return address("operator")
    if session.tenant_id is None:
        raise nothing_here()
    return address("t", session.tenant_id)


ROUTES = (
    PageRoute("GET", "", Need.NOTHING, front),
    PageRoute("GET", "/", Need.NOTHING, front),
    PageRoute("POST", "/sign-in", Need.NOTHING, sign_in),
    PageRoute("POST", "/sign-out", Need.SESSION, sign_out),
    PageRoute("GET", "/enter/{token}", Need.NOTHING, link),
    PageRoute("POST", "/enter/{token}", Need.NOTHING, enter),
)
