"""What whoever runs Ringback sees first: how it does, who is in trouble, which processes there are, what is set."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.responses import Response

from ringback.console.chart import Chart, chart
from ringback.console.page import Page
from ringback.console.routing import Need, PageRoute
from ringback.control.readiness import NotReady
from ringback.control.troubled import TROUBLED_SHOWN_MAX
from ringback.model.pulse import TICK_MS, Moment

GAP_MS: Final = 3 * TICK_MS
"""Where no process wrote anything down for longer, none ran."""


class Rates(NamedTuple):
    """Of the last minute, a second; `lag_ms` None: nothing was sent."""

    events: float
    succeeded: float
    failed: float
    lag_ms: float | None


def overview(page: Page) -> Response:
    parts = page.parts
    obstacles, cautions = _readiness(page)
    moments, recent = parts.processes.lately()
    return page.render(
        "operator.html",
        obstacles=obstacles,
        cautions=cautions,
        room=parts.room(),
        latest=recent[-1] if recent else None,
        waiting=next((one.waiting for one in reversed(recent) if one.waiting is not None), None),
        rates=_rates(recent),
        charts=_charts(moments),
        troubled_max=TROUBLED_SHOWN_MAX,
        troubled=parts.troubled.look(),
    )


def nodes(page: Page) -> Response:
    processes = page.parts.processes
    return page.render("nodes.html", heard=processes.heard(), sending=processes.sending())


def settings(page: Page) -> Response:
    return page.render("settings.html", settings=page.parts.settings)


def _readiness(page: Page) -> tuple[Sequence[str], Sequence[str]]:
    """What stands in the way of accepting events here, and what people should know all the same."""
    try:
        return (), page.parts.readiness.check()
    except NotReady as error:
        return error.obstacles, ()


def _rates(recent: Sequence[Moment]) -> Rates | None:
    if not recent:
        return None
    lags = [one.lag_ms for one in recent if one.lag_ms is not None]
    return Rates(
        sum(one.events_per_s for one in recent) / len(recent),
        sum(one.succeeded_per_s for one in recent) / len(recent),
        sum(one.failed_per_s for one in recent) / len(recent),
        sum(lags) / len(lags) if lags else None,
    )


def _charts(moments: Sequence[Moment]) -> Sequence[Chart]:
    if len(moments) < 2:
        return ()
    times = [one.at for one in moments]
    rates = (
        ("Events accepted", [one.events_per_s for one in moments]),
        ("Runs that succeeded", [one.succeeded_per_s for one in moments]),
        ("Runs that failed", [one.failed_per_s for one in moments]),
    )
    charts = [
        chart("Throughput", "a second", times, rates, GAP_MS),
        chart("Lag", "ms", times, (("Mean lag", [one.lag_ms for one in moments]),), GAP_MS),
    ]
    if any(one.oldest_ms is not None for one in moments):
        oldest = [None if one.oldest_ms is None else one.oldest_ms / 1_000 for one in moments]
        charts.append(chart("Due and not sent", "s", times, (("The oldest", oldest),), GAP_MS))
    if any(one.waiting is not None for one in moments):
        waiting = [None if one.waiting is None else float(one.waiting) for one in moments]
        charts.append(chart("Deliveries waiting", "", times, (("Waiting", waiting),), GAP_MS))
    return charts


ROUTES = (
    PageRoute("GET", "/operator", Need.OPERATE, overview),
    PageRoute("GET", "/nodes", Need.OPERATE, nodes),
    PageRoute("GET", "/settings", Need.OPERATE, settings),
)
