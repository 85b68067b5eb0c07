"""Lists of the API, page by page: as tables for people, as JSON for scripts.

With `--json` a page is the API's answer, unchanged (`{"items", "next_cursor"}`); with `--all` as well it is one line
an item, so that a long list can be read as it comes and is never held as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import msgspec
import typer

from ringback.cli.shown import Column, print_json, print_table, terminal
from ringback.client.client import Client
from ringback.client.errors import not_ringback
from ringback.model.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX

Limit = Annotated[int, typer.Option(min=1, max=PAGE_ITEMS_MAX, help="How many to show at most.")]
Everything = Annotated[bool, typer.Option("--all", help="Show all, however many.")]
JsonPage = Annotated[
    bool, typer.Option("--json", help="Print the API's answer as it is; with --all, one JSON line an item.")
]
Since = Annotated[str | None, typer.Option(help="From this time on: RFC 3339, or how long ago, such as 15m, 24h, 7d.")]
Until = Annotated[str | None, typer.Option(help="Before this time: as --since.")]

LIMIT_DEFAULT: Final = PAGE_ITEMS_DEFAULT


class RawPage(msgspec.Struct):
    """A page whose items are the bytes that the API wrote."""

    items: list[msgspec.Raw]
    next_cursor: str | None


_decode_page: Final = msgspec.json.Decoder(RawPage).decode


class Which:
    """Which items: the list's path, what filters it, and how many."""

    def __init__(self, path: str, query: Mapping[str, str | None], limit: int, everything: bool) -> None:
        self._path = path
        self._query = {name: value for name, value in query.items() if value is not None}
        self._limit = PAGE_ITEMS_MAX if everything else limit
        self.everything = everything

    def address(self, cursor: str | None = None) -> str:
        """The path and query of a page."""
        page = {**self._query, "limit": str(self._limit)} | ({} if cursor is None else {"cursor": cursor})
        return f"{self._path}?{urlencode(page)}"


def tenant_path(tenant: str, *parts: str) -> str:
    """`/v1/tenants/TENANT/PART/…`, each part quoted."""
    return "/".join(["/v1/tenants", *(quote(part, safe="") for part in (tenant, *parts))])


def show_list(client: Client, which: Which, columns: Sequence[Column], *, json: bool, empty: str) -> None:
    """Print the list. `empty` is what is said to people when there is nothing in it."""
    if json:
        _show_json(client, which)
        return
    console, head = terminal(), True
    for page in _pages(client, which):
        items = [msgspec.json.decode(item) for item in page.items]
        if not items and head:
            typer.echo(empty, err=True)
        elif items:
            print_table(console, columns, items, head=head)
        head = False
        if page.next_cursor is not None and not which.everything:
            typer.echo("There are more: --all shows them.", err=True)


def _show_json(client: Client, which: Which) -> None:
    if not which.everything:
        print_json(client.exchange("GET", which.address(), expect=("items", "next_cursor")).content)
        return
    for page in _pages(client, which):
        for item in page.items:
            print_json(bytes(item))


def _pages(client: Client, which: Which) -> Iterator[RawPage]:
    page = page_at(client, which.address())
    yield page
    while which.everything and page.next_cursor is not None:
        page = page_at(client, which.address(page.next_cursor))
        yield page


def page_at(client: Client, address: str) -> RawPage:
    """The page at a path with its query. Raises ApiError, Unreachable."""
    answer = client.exchange("GET", address, expect=("items", "next_cursor"))
    try:
        page = _decode_page(answer.content)
    except msgspec.DecodeError:
        raise not_ringback(answer.status) from None
    if not all(bytes(item).startswith(b"{") for item in page.items):
        raise not_ringback(answer.status)
    return page


def all_items(
    client: Client, path: str, query: Mapping[str, str | None], pages_max: int | None = None
) -> Iterator[dict[str, Any]]:
    """Items of a list one by one, of at most `pages_max` pages (None: of all)."""
    for number, page in enumerate(_pages(client, Which(path, query, PAGE_ITEMS_MAX, everything=True)), 1):
        yield from (msgspec.json.decode(item) for item in page.items)
        if number == pages_max:
            return
