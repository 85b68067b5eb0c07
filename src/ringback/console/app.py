"""All pages of the console, in one table."""

from starlette.routing import BaseRoute

from ringback.console.parts import ConsoleParts
from ringback.console.routing import PageRoute, console_routes
from ringback.console.views import (
    access,
    activity,
    bins,
    catalogue,
    events,
    keys,
    operator,
    operators,
    profiles,
    records,
    replays,
    runs,
    secrets,
    tenants,
    tracked_sets,
    triggers,
    webhook_form,
    webhooks,
)

PAGES: tuple[PageRoute, ...] = (
    *access.ROUTES,
    *webhooks.LIST_ROUTES,
    *webhook_form.ROUTES,
    *webhooks.ROUTES,
    *secrets.ROUTES,
    *runs.ROUTES,
    *replays.ROUTES,
    *events.ROUTES,
    *triggers.ROUTES,
    *tracked_sets.ROUTES,
    *records.ROUTES,
    *catalogue.ROUTES,
    *keys.ROUTES,
    *bins.ROUTES,
    *activity.ROUTES,
    *operator.ROUTES,
    *operators.ROUTES,
    *profiles.ROUTES,
    *tenants.ROUTES,
)


def routes_of(parts: ConsoleParts) -> list[BaseRoute]:
    """The routes, for `compose` to mount."""
    return console_routes(parts, PAGES)
