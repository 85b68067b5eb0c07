"""The list of a tenant's webhooks: which are looked for, in what order, and which of them are on the page.

Pure. Looks at the oldest SEARCHED_MAX of a tenant, which is more than most may have; the page says when there are more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ringback.control.attempts import Stats
from ringback.model.endpoint import Endpoint, EndpointStatus

SEARCHED_MAX: Final = 5_000
PAGE_WEBHOOKS: Final = 50
_DIGITS_MAX: Final = 6
BY_FIGURES: Final = ("succeeded", "failed")

StatsOf = Callable[[Sequence[str]], Mapping[str, Stats]]

_IN_ORDER: Final = tuple(EndpointStatus)
_SORTS: Final[Mapping[str, Callable[[Endpoint], Any]]] = {
    "label": lambda one: (name_of(one).casefold(), one.id),
    "status": lambda one: (_IN_ORDER.index(one.status), name_of(one).casefold(), one.id),
    "created": lambda one: one.id,
}
SORTS: Final = (*_SORTS, *BY_FIGURES)


class Wanted(NamedTuple):
    """What is asked for. `text` is looked for in label, URL, event types and channels; `status` "" is any; `page`
    counts from 1."""

    text: str = ""
    status: str = ""
    sort: str = "label"
    descending: bool = False
    page: int = 1


class Found(NamedTuple):
    """The webhooks of the page with their figures; how many were found in all, and on how many pages they are."""

    webhooks: Sequence[tuple[Endpoint, Stats]]
    total: int
    page: int
    pages: int


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What an address asks for; what makes no sense there counts as not asked."""
    sort, status, page = query.get("sort", ""), query.get("status", ""), query.get("page", "")
    return Wanted(
        text=query.get("q", "").strip(),
        status=status if status in set(EndpointStatus) else "",
        sort=sort if sort in SORTS else "label",
        descending=query.get("order") == "desc",
        page=_number(page),
    )


def search(endpoints: Sequence[Endpoint], wanted: Wanted, stats_of: StatsOf) -> Found:
    """The page that is wanted; the last one where there are fewer. Figures are asked for once."""
    words = wanted.text.casefold().split()
    found = [one for one in endpoints if _fits(one, words, wanted.status)]
    stats: Mapping[str, Stats] = {}
    if wanted.sort in BY_FIGURES:
        stats = stats_of([one.id for one in found])
        found.sort(key=lambda one: (getattr(stats[one.id], wanted.sort), one.id), reverse=wanted.descending)
    else:
        found.sort(key=_SORTS[wanted.sort], reverse=wanted.descending)
    pages = max(1, -(-len(found) // PAGE_WEBHOOKS))
    page = min(wanted.page, pages)
    shown = found[(page - 1) * PAGE_WEBHOOKS : page * PAGE_WEBHOOKS]
    if not stats:
        stats = stats_of([one.id for one in shown])
    return Found([(one, stats[one.id]) for one in shown], len(found), page, pages)


def name_of(endpoint: Endpoint) -> str:
    """What it is called: its label, or else what tells it from others."""
    return endpoint.label or endpoint.url or endpoint.id


def _fits(endpoint: Endpoint, words: Sequence[str], status: str) -> bool:
    if status and endpoint.status != status:
        return False
    if not words:
        return True
    channels = endpoint.channels or ()
    text = "\n".join((endpoint.id, endpoint.label, endpoint.url, *endpoint.event_types, *channels)).casefold()
    return all(word in text for word in words)


def _number(text: str) -> int:
    """The number of a page; 1 for what is none."""
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX else 1
