"""The memory store's profiles, and who uses them."""

from collections.abc import Sequence
from dataclasses import replace

from ringback.model.endpoint import Endpoint
from ringback.model.profile import PROFILE_CHANGE, StoredProfile
from ringback.store.memory.tables import MemoryPart


class MemoryProfiles(MemoryPart):
    """`Profiles`."""

    def put_profile(self, profile: StoredProfile, profiles_max: int) -> StoredProfile | None:
        with self._tables as tables:
            known = tables.profiles.get(profile.name)
            if known is None and len(tables.profiles) >= profiles_max:
                return None
            if known is None:
                stored = replace(profile, revision=1)
            else:
                stored = replace(profile, created_at=known.created_at, revision=known.revision + 1)
            tables.profiles[profile.name] = stored
            tables.log_change(PROFILE_CHANGE, "", profile.name)
            return stored

    def list_profiles(self, after: str | None, limit: int) -> Sequence[StoredProfile]:
        with self._tables as tables:
            names = sorted(name for name in tables.profiles if after is None or name > after)
            return [tables.profiles[name] for name in names[:limit]]

    def load_profiles(self, names: Sequence[str]) -> Sequence[StoredProfile]:
        with self._tables as tables:
            return [tables.profiles[name] for name in names if name in tables.profiles]

    def delete_profile(self, name: str) -> bool:
        with self._tables as tables:
            if tables.profiles.pop(name, None) is None:
                return False
            tables.log_change(PROFILE_CHANGE, "", name)
            return True

    def endpoints_of_profile(self, name: str, after: str | None, limit: int) -> Sequence[Endpoint]:
        with self._tables as tables:
            using = [one for one in tables.endpoints.values() if one.profile == name and one.profile != "standard"]
            later = [endpoint for endpoint in using if after is None or endpoint.id > after]
            return sorted(later, key=lambda endpoint: endpoint.id)[:limit]

    def tenants_of_profile(self, name: str, limit: int) -> Sequence[str]:
        with self._tables as tables:
            using = [one.id for one in tables.tenants.values() if one.profile == name and one.profile != "standard"]
            return sorted(using)[:limit]
