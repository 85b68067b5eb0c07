"""The inspector: bins, what they answer, what they have kept, and what is wrong with a signature.

For whoever may change things: a tenant's people see their own bins, operators all. A secret that was given is never
shown again. Where bins are switched off, there are no such pages.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from starlette.responses import Response

from ringback.console.page import Page, address, nothing_here
from ringback.console.routing import Need, PageRoute
from ringback.control.bin_fields import BinFields
from ringback.control.bins import Verdict, headers_of
from ringback.control.findings import Findings
from ringback.control.paging import PageRequest
from ringback.model.console import Bin, BinRequest
from ringback.model.errors import Invalid, OverQuota
from ringback.model.limits import BIN_KEPT_HOURS

REQUESTS_SHOWN: Final = 20
_FRESH: Final = {"label": "", "status": "200", "headers": "", "body": "", "delay_s": "0", "profile": "standard"}


class Row(NamedTuple):
    """One request that a bin has kept, what is made of its signature, and what was asked for below the bin."""

    request: BinRequest
    verdict: Verdict
    below: str


def bins(page: Page) -> Response:
    """All that whoever asks may see, and a form for another one."""
    return _list(page, _FRESH)


def create_bin(page: Page) -> Response:
    _must_be_on(page)
    try:
        made = page.parts.bins.create(page.signed_in.tenant_id, _fields(page))
    except Invalid as error:
        return _list(page, page.form, error)
    except OverQuota as error:
        return _list(page, page.form, problem=error.detail, status=429)
    return page.redirect(address("bins", made.id), said="The bin is there. Send something to its address.")


def one_bin(page: Page) -> Response:
    """A bin with what it has kept, and one request whole if the address names it."""
    one = _found(page)
    return _shown(page, one, _typed(one))


def change_bin(page: Page) -> Response:
    one = _found(page)
    try:
        page.parts.bins.change(page.signed_in.tenant_id, one.id, _fields(page))
    except Invalid as error:
        return _shown(page, one, page.form, error)
    return page.redirect(address("bins", one.id), said="Saved. It holds for the next request.")


def delete_bin(page: Page) -> Response:
    one = _found(page)
    question = "Delete this bin, and what it has kept?"
    if (unsure := page.unsure(question, "Delete it")) is not None:
        return unsure
    page.parts.bins.delete(page.signed_in.tenant_id, one.id)
    return page.redirect(address("bins"), said="The bin is deleted.")


def _must_be_on(page: Page) -> None:
    if not page.parts.facts.bins:
        raise nothing_here()


def _found(page: Page) -> Bin:
    _must_be_on(page)
    return page.parts.bins.get(page.signed_in.tenant_id, page.names["bin"])


def _list(
    page: Page, typed: Mapping[str, str], error: Invalid | None = None, *, problem: str = "", status: int = 200
) -> Response:
    _must_be_on(page)
    return page.render(
        "bins.html",
        status=422 if error else status,
        errors=error.errors if error else (),
        problem=problem,
        bins=page.parts.bins.list(page.signed_in.tenant_id),
        typed={**_FRESH, **typed},
        profiles=_profiles(page),
        kept_hours=BIN_KEPT_HOURS,
    )


def _shown(page: Page, one: Bin, typed: Mapping[str, str], error: Invalid | None = None) -> Response:
    use, tenant_id = page.parts.bins, page.signed_in.tenant_id
    before = page.query.get("before")
    found = use.requests(tenant_id, one.id, PageRequest(REQUESTS_SHOWN, before))
    number = page.query.get("request", "")
    opened = None
    if number.isdecimal() and len(number) < len(str(1 << 62)):
        opened = _row(page, one, use.request(tenant_id, one.id, int(number)))
    return page.render(
        "bin.html",
        status=422 if error else 200,
        errors=error.errors if error else (),
        bin=one,
        address=f"{page.parts.facts.base_url}/bins/{one.id}",
        rows=[_row(page, one, request) for request in found.items],
        older=address("bins", one.id, before=found.next_cursor) if found.next_cursor else None,
        newest=address("bins", one.id) if before else None,
        opened=opened,
        opened_headers=headers_of(opened.request) if opened else (),
        typed={**_FRESH, **typed},
        profiles=_profiles(page),
        kept_hours=BIN_KEPT_HOURS,
    )


def _row(page: Page, one: Bin, request: BinRequest) -> Row:
    return Row(request, page.parts.bins.checked(one, request), request.path.removeprefix(f"/bins/{one.id}"))


def _profiles(page: Page) -> list[tuple[str, str]]:
    return [("", "none: signatures are not checked"), *((name, name) for name in page.parts.bins.profile_names())]


def _typed(one: Bin) -> dict[str, str]:
    """A bin as its form has it."""
    headers = msgspec.json.decode(one.headers, type=dict[str, str])
    return {
        "label": one.label,
        "status": str(one.status),
        "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
        "body": one.body.decode("utf-8", "replace"),
        "delay_s": f"{one.delay_ms / 1_000:g}",
        "profile": one.profile or "",
    }


def _fields(page: Page) -> BinFields:
    """What the form says. Raises Invalid for what can't be read."""
    findings, form = Findings(), {**_FRESH, **page.form}
    status = form["status"].strip()
    if not status.isdecimal() or len(status) > 3:
        findings.add("status", "must be a number from 200 to 599")
    try:
        delay_s = float(form["delay_s"].strip() or "0")
    except ValueError:
        delay_s = 0.0
        findings.add("delay_s", "must be a number of seconds")
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, form["headers"].split("\n"))):
        name, colon, value = line.partition(":")
        if not colon:
            findings.add("headers", "must be one a line, each a name, a colon and a value")
        if name.strip() in headers:
            findings.add("headers", "has a name twice")
        headers[name.strip()] = value.strip()
    findings.raise_if_any()
    secret = form.get("secret", "").strip()
    taken_away = form.get("without_secret") == "yes"
    return BinFields(
        label=form["label"].strip(),
        status=int(status),
        headers=headers,
        body=form["body"],
        delay_s=delay_s,
        profile=form["profile"] or None,
        secret="" if taken_away else secret or None,
    )


ROUTES = (
    PageRoute("GET", "/bins", Need.CHANGE, bins),
    PageRoute("POST", "/bins", Need.CHANGE, create_bin),
    PageRoute("GET", "/bins/{bin}", Need.CHANGE, one_bin),
    PageRoute("POST", "/bins/{bin}", Need.CHANGE, change_bin),
    PageRoute("POST", "/bins/{bin}/delete", Need.CHANGE, delete_bin),
)
