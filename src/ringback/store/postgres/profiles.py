"""The PostgreSQL store's profiles: a small table, read whole by whoever follows it, and who uses them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from ringback.model.endpoint import Endpoint
from ringback.model.profile import PROFILE_CHANGE, StoredProfile
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.catalogue import has_place
from ringback.store.postgres.changes import log_change
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresProfiles(PostgresPart):
    """`Profiles`."""

    @tried_again
    def put_profile(self, profile: StoredProfile, profiles_max: int) -> StoredProfile | None:
        with self._db.writing() as session:
            if not has_place(session, _SQL["count_profiles"], profile.name, profiles_max):
                return None
            stored = session.first(_SQL["put_profile"], asdict(profile))
            log_change(session, PROFILE_CHANGE, None, profile.name)
            return StoredProfile(*stored)

    def list_profiles(self, after: str | None, limit: int) -> Sequence[StoredProfile]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_profiles"], {"after": after or "", "limit": limit})
        return [StoredProfile(*row) for row in found]

    def load_profiles(self, names: Sequence[str]) -> Sequence[StoredProfile]:
        with self._db.reading() as session:
            found = session.rows(_SQL["profiles_by_name"], {"names": list(names)})
        return [StoredProfile(*row) for row in found]

    @tried_again
    def delete_profile(self, name: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_profile"], {"name": name}):
                return False
            log_change(session, PROFILE_CHANGE, None, name)
            return True

    def endpoints_of_profile(self, name: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        with self._db.reading() as session:
            page = {"name": name, "after": after or "", "limit": limit}
            found = session.rows(_SQL["endpoints_of_profile"], page)
        return [self._sealed.endpoint(row) for row in found]

    def tenants_of_profile(self, name: str, limit: int) -> Sequence[str]:
        with self._db.reading() as session:
            found = session.rows(_SQL["tenants_of_profile"], {"name": name, "limit": limit})
        return [tenant_id for (tenant_id,) in found]
