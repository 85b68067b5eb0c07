"""The calls of `Client` about tracked sets: named lists of object ids that endpoints follow."""

from collections.abc import Iterator, Sequence

from ringback.client.calls import Calls, Json, Page, checked_object


class TrackedSetCalls(Calls):
    """Part of `Client`."""

    def put_tracked_set(self, name: str) -> Json:
        """Make an empty set; one that is there stays as it is."""
        return self._object("PUT", self._path("tracked-sets", name))

    def list_tracked_sets(self, **query: str | int | None) -> Page:
        """A page of sets, by name; `query`: limit, cursor."""
        return self._page("tracked-sets", **query)

    def get_tracked_set(self, name: str) -> Json:
        """A set, with the number of its `members`."""
        return checked_object(self._answer("GET", self._path("tracked-sets", name)), ["name", "members"])

    def delete_tracked_set(self, name: str) -> None:
        """Remove a set: endpoints that name it are told of nothing from then on."""
        self.call("DELETE", self._path("tracked-sets", name))

    def add_members(self, name: str, ids: Sequence[str]) -> Json:
        """Put up to 10,000 ids into a set; `added` and `members`."""
        path = self._path("tracked-sets", name, "members")
        return checked_object(self._answer("POST", path, {"ids": list(ids)}), ["added", "members"])

    def remove_members(self, name: str, ids: Sequence[str]) -> Json:
        """Take up to 10,000 ids out of a set; `removed` and `members`."""
        path = self._path("tracked-sets", name, "members", "remove")
        return checked_object(self._answer("POST", path, {"ids": list(ids)}), ["removed", "members"])

    def list_members(self, name: str, **query: str | int | None) -> Page:
        """A page of the ids in a set, each as `{"id"}`; `query`: limit, cursor."""
        return self._page("tracked-sets", name, "members", **query)

    def each_member(self, name: str) -> Iterator[str]:
        """All ids in a set, in the order of their bytes, read page by page."""
        cursor: str | None = None
        while True:
            page = self.list_members(name, limit=250, cursor=cursor)
            yield from (str(item["id"]) for item in page.items)
            cursor = page.next_cursor
            if cursor is None:
                return
