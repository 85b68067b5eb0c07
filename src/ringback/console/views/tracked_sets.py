"""Tracked sets: which there are, which ids are in them, putting ids in and taking them out."""

from typing import Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest
from ringback.model.errors import FieldError, Invalid, OverQuota

SETS_SHOWN: Final = 100
MEMBERS_SHOWN: Final = 100
ERRORS_SAID_MAX: Final = 3


def tracked_sets(page: Page) -> Response:
    """All of a tenant."""
    return _list(page)


def create_tracked_set(page: Page) -> Response:
    """An empty one."""
    name = page.form.get("name", "").strip()
    try:
        made = page.parts.tracked_sets.put(page.tenant_id, name)
    except Invalid as error:
        return _list(page, errors=error.errors)
    except OverQuota as error:
        return _list(page, problem=error.detail)
    said = f"{name} was made: nothing is in it yet." if made.created else f"{name} was there already."
    return page.redirect(page.address("sources", "sets", name), said=said)


def tracked_set(page: Page) -> Response:
    """One of them, with the ids that are in it."""
    return _one(page)


def change_members(page: Page) -> Response:
    """Put ids in, or take them out."""
    name, given = page.names["set"], page.form.get("ids", "")
    ids = [line for line in (line.strip() for line in given.split("\n")) if line]
    taking_out = page.form.get("do") == "remove"
    change = page.parts.tracked_sets.remove if taking_out else page.parts.tracked_sets.add
    if not ids:
        return _one(page, errors=[FieldError("ids", "is empty; write one id a line")])
    try:
        counted = change(page.tenant_id, name, ids)
    except Invalid as error:
        return _one(page, errors=[FieldError("ids", _in_words(error, ids))])
    except OverQuota as error:
        return _one(page, problem=error.detail)
    done = "taken out" if taking_out else "put in"
    said = f"{counted.changed:,} of {len(ids):,} were {done}. The set has {counted.members:,} now."
    return page.redirect(page.address("sources", "sets", name), said=said)


def delete_tracked_set(page: Page) -> Response:
    name = page.names["set"]
    question = f"Delete the tracked set {name}? Webhooks that follow it get nothing from then on."
    if (asking := page.unsure(question, "Delete it")) is not None:
        return asking
    page.parts.tracked_sets.delete(page.tenant_id, name)
    return page.redirect(page.address("sources", "sets"), said=f"{name} was deleted.")


def _list(page: Page, *, errors: tuple[FieldError, ...] = (), problem: str = "") -> Response:
    cursor = page.query.get("cursor") or None
    found = page.parts.tracked_sets.list(page.tenant_id, PageRequest(SETS_SHOWN, cursor))
    here = page.address("sources", "sets")
    return page.render(
        "tracked_sets.html",
        status=422 if errors or problem else 200,
        errors=errors,
        problem=problem,
        sets=found.items,
        newest=here if cursor else None,
        older=page.address("sources", "sets", cursor=found.next_cursor) if found.next_cursor else None,
    )


def _one(page: Page, *, errors: list[FieldError] | None = None, problem: str = "") -> Response:
    name, cursor = page.names["set"], page.query.get("cursor") or None
    shown = page.parts.tracked_sets.get(page.tenant_id, name)
    wanted = page.query.get("id", "").strip()
    found_it: bool | None = None
    wrong = list(errors or ())
    if wanted:
        try:
            found_it = page.parts.tracked_sets.has(page.tenant_id, name, wanted)
        except Invalid as error:
            wrong.append(FieldError("id", error.errors[0].message))
    members = page.parts.tracked_sets.members(page.tenant_id, name, PageRequest(MEMBERS_SHOWN, cursor))
    here = page.address("sources", "sets", name)
    return page.render(
        "tracked_set.html",
        status=422 if wrong or problem else 200,
        errors=wrong,
        problem=problem,
        set=shown,
        members=members.items,
        wanted=wanted,
        found_it=found_it,
        given=page.form.get("ids", ""),
        newest=here if cursor else None,
        older=page.address("sources", "sets", name, cursor=members.next_cursor) if members.next_cursor else None,
    )


def _in_words(error: Invalid, ids: list[str]) -> str:
    """What is wrong, with the number of the line in the place of the place in a list."""
    said = []
    for one in error.errors[:ERRORS_SAID_MAX]:
        place = one.field.removeprefix("ids[").removesuffix("]")
        said.append(f"id {int(place) + 1} of {len(ids)} {one.message}" if place.isdigit() else one.message)
    return "; ".join(said)


_SETS = "/t/{tenant}/sources/sets"
_ONE = _SETS + "/{set}"

ROUTES = (
    PageRoute("GET", _SETS, Need.VIEW, tracked_sets),
    PageRoute("POST", _SETS, Need.CHANGE, create_tracked_set),
    PageRoute("GET", _ONE, Need.VIEW, tracked_set),
    PageRoute("POST", f"{_ONE}/members", Need.CHANGE, change_members),
    PageRoute("POST", f"{_ONE}/delete", Need.CHANGE, delete_tracked_set),
)
