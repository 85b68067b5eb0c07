"""The SQLite store's profiles: a small table, read whole by whoever follows it, and who uses them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import apsw

from ringback.model.endpoint import Endpoint
from ringback.model.profile import PROFILE_CHANGE, StoredProfile
from ringback.store.queries import load
from ringback.store.sqlite.changes import log_change
from ringback.store.sqlite.connection import SqlitePart, change, rows
from ringback.store.sqlite.json_lists import json_list

_SQL: Final = load("sqlite")


class SqliteProfiles(SqlitePart):
    """`Profiles`."""

    def put_profile(self, profile: StoredProfile, profiles_max: int) -> StoredProfile | None:
        with self._writer.transaction() as connection:
            ((count, known),) = rows(connection, _SQL["count_profiles"], {"name": profile.name})
            if not known and count >= profiles_max:
                return None
            connection.execute(_SQL["put_profile"], asdict(profile))
            log_change(connection, PROFILE_CHANGE, None, profile.name)
            return _read(connection, [profile.name])[0]

    def list_profiles(self, after: str | None, limit: int) -> Sequence[StoredProfile]:
        found = self._read(_SQL["list_profiles"], {"after": after or "", "limit": limit})
        return [StoredProfile(*row) for row in found]

    def load_profiles(self, names: Sequence[str]) -> Sequence[StoredProfile]:
        with self._readers.reading() as connection:
            return _read(connection, names)

    def delete_profile(self, name: str) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["delete_profile"], {"name": name}):
                return False
            log_change(connection, PROFILE_CHANGE, None, name)
            return True

    def endpoints_of_profile(self, name: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        bindings = {"name": name, "after": after or "", "limit": limit}
        return [self._sealed.endpoint(row) for row in self._read(_SQL["endpoints_of_profile"], bindings)]

    def tenants_of_profile(self, name: str, limit: int) -> Sequence[str]:
        return [tenant_id for (tenant_id,) in self._read(_SQL["tenants_of_profile"], {"name": name, "limit": limit})]


def _read(connection: apsw.Connection, names: Sequence[str]) -> list[StoredProfile]:
    return [StoredProfile(*row) for row in rows(connection, _SQL["profiles_by_name"], {"names": json_list(names)})]
