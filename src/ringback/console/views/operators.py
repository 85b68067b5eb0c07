"""The people who run this Ringback: add one, change a password, take one away."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from ringback.console.page import Page, address
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest
from ringback.model.console import Operator
from ringback.model.errors import FieldError, NotFound, Refused
from ringback.model.limits import PAGE_ITEMS_MAX

OPERATORS_SHOWN: Final = 50


def operators(page: Page) -> Response:
    return _list(page)


def add_operator(page: Page) -> Response:
    name = page.form.get("name", "").strip()
    if (wrong := _twice(page, "password", "again")) is not None:
        return _list(page, errors=[wrong], status=422)
    try:
        page.parts.operators.create(name, page.form["password"])
    except Refused as error:
        return _list(page, errors=error.errors, problem="" if error.errors else error.detail, status=error.status)
    return page.redirect(address("operators"), said=f"{name} can sign in now.")


def operator(page: Page) -> Response:
    return _one(page)


def change_password(page: Page) -> Response:
    who = _operator(page)
    if (wrong := _twice(page, "password", "again")) is not None:
        return _one(page, errors=[wrong], status=422)
    try:
        page.parts.operators.change_password(who.id, page.form["password"])
    except Refused as error:
        return _one(page, errors=error.errors, problem="" if error.errors else error.detail, status=error.status)
    return page.redirect(address("operators"), said=f"{who.name} has a new password, and is signed out everywhere.")


def delete_operator(page: Page) -> Response:
    who = _operator(page)
    if (asked := page.unsure(f"Take {who.name} away?", "Take away")) is not None:
        return asked
    page.parts.operators.delete(who.id)
    return page.redirect(address("operators"), said=f"{who.name} can't sign in any more.")


def _operator(page: Page) -> Operator:
    request = PageRequest(PAGE_ITEMS_MAX)
    while True:
        found = page.parts.operators.list(request)
        for one in found.items:
            if one.id == page.names["operator"]:
                return one
        if found.next_cursor is None:
            raise NotFound("There is no such operator.")
        request = request._replace(cursor=found.next_cursor)


def _twice(page: Page, name: str, again: str) -> FieldError | None:
    """A password is typed twice, since nobody sees it."""
    if page.form.get(name, "") != page.form.get(again, ""):
        return FieldError(again, "is not the same as the one above")
    return None if page.form.get(name) else FieldError(name, "is needed")


def _list(page: Page, *, errors: Sequence[FieldError] = (), problem: str = "", status: int = 200) -> Response:
    cursor = page.query.get("cursor") or None
    found = page.parts.operators.list(PageRequest(OPERATORS_SHOWN, cursor))
    return page.render(
        "operators.html",
        operators=found.items,
        newest=address("operators") if cursor else None,
        older=address("operators", cursor=found.next_cursor) if found.next_cursor else None,
        errors=errors,
        problem=problem,
        status=status,
    )


def _one(page: Page, *, errors: Sequence[FieldError] = (), problem: str = "", status: int = 200) -> Response:
    return page.render("operator_password.html", who=_operator(page), errors=errors, problem=problem, status=status)


ROUTES = (
    PageRoute("GET", "/operators", Need.OPERATE, operators),
    PageRoute("POST", "/operators", Need.OPERATE, add_operator),
    PageRoute("GET", "/operators/{operator}", Need.OPERATE, operator),
    PageRoute("POST", "/operators/{operator}/password", Need.OPERATE, change_password),
    PageRoute("POST", "/operators/{operator}/delete", Need.OPERATE, delete_operator),
)
