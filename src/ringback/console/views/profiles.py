"""Wire contracts: those there are, what each says and who has it, and writing one."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from ringback.console.page import Page, address
from ringback.console.routing import Need, PageRoute
from ringback.control.paging import PageRequest
from ringback.model.errors import FieldError, Refused
from ringback.profiles import Known, Origin

PROFILES_SHOWN: Final = 100
TEXT_FIELD: Final = "toml"
_LINE: Final = re.compile(r"\(line \d+\)$")


def profiles(page: Page) -> Response:
    found = page.parts.profiles.list(PageRequest(PROFILES_SHOWN, page.query.get("cursor") or None))
    older = address("profiles", cursor=found.next_cursor) if found.next_cursor else None
    newest = address("profiles") if page.query.get("cursor") else None
    return page.render("profiles.html", profiles=found.items, newest=newest, older=older)


def new_profile(page: Page) -> Response:
    """An empty form, or one with the text of another profile to begin with."""
    text = ""
    if like := page.query.get("like"):
        text = text_of(page.parts.profiles.get(like))
    return _form(page, {"name": "", TEXT_FIELD: text})


def put_profile(page: Page) -> Response:
    name, text = page.form.get("name", "").strip(), page.form.get(TEXT_FIELD, "")
    try:
        written = page.parts.profiles.put(name, text)
    except Refused as error:
        errors = [_at_its_field(one) for one in error.errors]
        return _form(page, page.form, errors=errors, problem="" if errors else error.detail, status=error.status)
    said = "The profile is there now." if written.created else "The profile was replaced."
    return page.redirect(address("profiles", name), said=said)


def profile(page: Page) -> Response:
    known = page.parts.profiles.get(page.names["profile"])
    return page.render(
        "profile.html",
        known=known,
        contract=known.contract,
        text=text_of(known),
        users=page.parts.profiles.users(known.name),
        own=known.origin is Origin.API,
    )


def delete_profile(page: Page) -> Response:
    name = page.names["profile"]
    page.parts.profiles.get(name)
    if (asked := page.unsure(f"Delete the profile {name}?", "Delete it")) is not None:
        return asked
    page.parts.profiles.delete(name)
    return page.redirect(address("profiles"), said=f"The profile {name} is deleted.")


def text_of(known: Known) -> str:
    """A profile as it was written."""
    if known.stored is not None:
        return known.stored.text
    return known.contract.text if known.contract is not None else ""


def _at_its_field(error: FieldError) -> FieldError:
    """What is wrong in the text names a key of it, which is no field of this form, and a line."""
    if error.field == TEXT_FIELD or (error.field == "name" and not _LINE.search(error.message)):
        return error
    return FieldError(TEXT_FIELD, f"{error.field} {error.message}")


def _form(
    page: Page,
    given: Mapping[str, str],
    *,
    errors: Sequence[FieldError] = (),
    problem: str = "",
    status: int = 200,
) -> Response:
    return page.render("profile_form.html", given=given, errors=errors, problem=problem, status=status)


ROUTES = (
    PageRoute("GET", "/profiles", Need.OPERATE, profiles),
    PageRoute("POST", "/profiles", Need.OPERATE, put_profile),
    PageRoute("GET", "/new-profile", Need.OPERATE, new_profile),
    PageRoute("GET", "/profiles/{profile}", Need.OPERATE, profile),
    PageRoute("POST", "/profiles/{profile}/delete", Need.OPERATE, delete_profile),
)
