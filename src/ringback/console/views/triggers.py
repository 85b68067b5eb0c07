"""Triggers: rules that make events of records' changes. The list, the form, trying one, and who gets its events."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.console.trigger_form import EMPTY, shown_fields, template_named, typed_fields
from ringback.control.paging import PageRequest
from ringback.control.rules import Source, Trial
from ringback.control.trigger_fields import TriggerFields
from ringback.model.endpoint import Endpoint
from ringback.model.errors import FieldError, Invalid, OverQuota
from ringback.model.limits import PAGE_ITEMS_MAX
from ringback.model.trigger import Trigger
from ringback.policy.trigger_templates import TEMPLATES, Template
from ringback.policy.wanted import wants_kind

TRIGGERS_SHOWN: Final = 100
CHANGES_TRIED: Final = 50
WEBHOOKS_LOOKED_AT_MAX: Final = 1_000


def triggers(page: Page) -> Response:
    """All of a tenant, with the webhooks that get their events."""
    cursor = page.query.get("cursor") or None
    found = page.parts.triggers.list(page.tenant_id, PageRequest(TRIGGERS_SHOWN, cursor))
    webhooks = _webhooks(page)
    return page.render(
        "triggers.html",
        triggers=found.items,
        failures=page.parts.triggers.failures(page.tenant_id, found.items),
        targets={one.id: _targets(one.emits, webhooks) for one in found.items},
        newest=page.address("sources") if cursor else None,
        older=page.address("sources", cursor=found.next_cursor) if found.next_cursor else None,
    )


def new_trigger(page: Page) -> Response:
    """The form of one that isn't there yet."""
    return _form(page, None, EMPTY, template_named(page.query.get("template", "")))


def create_trigger(page: Page) -> Response:
    template = template_named(page.form.get("template", ""))
    fields, errors = typed_fields(page.form, template)
    if errors:
        return _form(page, None, page.form, template, errors=errors)
    try:
        if page.form.get("do") == "try":
            return _form(page, None, page.form, template, trial=_tried(page, fields))
        made = page.parts.triggers.create(page.tenant_id, fields)
    except Invalid as error:
        return _form(page, None, page.form, template, errors=error.errors)
    except OverQuota as error:
        return _form(page, None, page.form, template, problem=error.detail)
    return page.redirect(page.address("sources", "triggers", made.id), said=f"{made.name} was made.")


def trigger(page: Page) -> Response:
    """One, as its form."""
    shown = page.parts.triggers.get(page.tenant_id, page.names["trigger"])
    by_hand = bool(page.query.get("by_hand"))
    template = None if by_hand else template_named(shown.template or "")
    return _form(page, shown, shown_fields(shown, by_hand=template is None), template)


def change_trigger(page: Page) -> Response:
    shown = page.parts.triggers.get(page.tenant_id, page.names["trigger"])
    template = template_named(page.form.get("template", ""))
    fields, errors = typed_fields(page.form, template)
    if errors:
        return _form(page, shown, page.form, template, errors=errors)
    try:
        if page.form.get("do") == "try":
            return _form(page, shown, page.form, template, trial=_tried(page, fields))
        page.parts.triggers.update(page.tenant_id, shown.id, fields)
    except Invalid as error:
        return _form(page, shown, page.form, template, errors=error.errors)
    return page.redirect(page.address("sources", "triggers", shown.id), said="It was changed.")


def delete_trigger(page: Page) -> Response:
    shown = page.parts.triggers.get(page.tenant_id, page.names["trigger"])
    if (asking := page.unsure(f"Delete the trigger {shown.name}?", "Delete it")) is not None:
        return asking
    page.parts.triggers.delete(page.tenant_id, shown.id)
    return page.redirect(page.address("sources"), said=f"{shown.name} was deleted.")


def _tried(page: Page, fields: TriggerFields) -> Trial:
    """What it would have made of the last changes of records."""
    return page.parts.rules.try_trigger(page.tenant_id, fields, Source(last=CHANGES_TRIED))


def _form(
    page: Page,
    shown: Trigger | None,
    given: Mapping[str, str],
    template: Template | None,
    *,
    errors: Sequence[FieldError] = (),
    problem: str = "",
    trial: Trial | None = None,
) -> Response:
    known = {"name", "record_type", "cooldown_s"} | ({"when", "emits", "data"} if template is None else set())
    known |= {f"parameters.{one.name}" for one in template.parameters} if template is not None else set()
    others = [f"{error.field} {error.message}" for error in errors if error.field not in known]
    return page.render(
        "trigger.html",
        status=422 if errors or problem else 200,
        errors=errors,
        problem=problem or "; ".join(others),
        trigger=shown,
        given=given,
        ready_made=template,
        templates=tuple(TEMPLATES.values()),
        trial=trial,
        fired=0 if trial is None else sum(one.answers[0].reason is None for one in trial.tried),
        failure=None if shown is None else page.parts.triggers.failures(page.tenant_id, [shown]).get(shown.id),
        targets=() if shown is None else _targets(shown.emits, _webhooks(page)),
    )


def _webhooks(page: Page) -> Sequence[Endpoint]:
    found: list[Endpoint] = []
    cursor: str | None = None
    while len(found) < WEBHOOKS_LOOKED_AT_MAX:
        some = page.parts.endpoints.list(page.tenant_id, PageRequest(PAGE_ITEMS_MAX, cursor))
        found += some.items
        cursor = some.next_cursor
        if cursor is None:
            break
    return found


def _targets(event_type: str, webhooks: Sequence[Endpoint]) -> Sequence[Endpoint]:
    """Those that ask for events of the type; a trigger's have no channel."""
    return [one for one in webhooks if wants_kind(one, event_type, None)]


_LIST = "/t/{tenant}/sources"
_NEW = _LIST + "/triggers/new"
_ONE = _LIST + "/triggers/{trigger}"

ROUTES = (
    PageRoute("GET", _LIST, Need.VIEW, triggers),
    PageRoute("GET", _NEW, Need.CHANGE, new_trigger),
    PageRoute("POST", _NEW, Need.CHANGE, create_trigger),
    PageRoute("GET", _ONE, Need.VIEW, trigger),
    PageRoute("POST", _ONE, Need.CHANGE, change_trigger),
    PageRoute("POST", f"{_ONE}/delete", Need.CHANGE, delete_trigger),
)
