"""The endpoints of one profile among a tenant's others."""

import pytest

from ringback.control.profile_endpoints import ProfileEndpoints
from ringback.model.errors import NotFound
from ringback.model.limits import PAGE_ITEMS_MAX
from support.api_world import ApiWorld
from support.rows import OTHER_TENANT, TENANT


def vainus(world: ApiWorld) -> ProfileEndpoints:
    return ProfileEndpoints(world.parts.endpoints, world.parts.secrets, "vainu")


def test_all_of_them_are_shown_however_many_pages_the_tenants_endpoints_fill() -> None:
    world = ApiWorld()
    made = {vainus(world).create(TENANT, {"url": "https://a.example/"}, "").endpoint.id}
    for _ in range(PAGE_ITEMS_MAX):
        world.parts.endpoints.create(TENANT, {"url": "https://a.example/"})
        made.add(vainus(world).create(TENANT, {"url": "https://a.example/"}, "").endpoint.id)
    found = vainus(world).all(TENANT)
    assert len(found) == PAGE_ITEMS_MAX + 1
    assert {endpoint.id for endpoint in found} == made
    assert vainus(world).all(OTHER_TENANT) == []


def test_what_is_made_has_the_profile_whatever_the_tenants_is() -> None:
    world = ApiWorld()
    world.parts.tenants.update(TENANT, {"profile": "vinsight"})
    made = vainus(world).create(TENANT, {"url": "https://a.example/"}, "Anna").endpoint
    assert (made.profile, made.created_by) == ("vainu", "Anna")


def test_those_of_other_profiles_and_tenants_are_not_there() -> None:
    world = ApiWorld()
    other = world.parts.endpoints.create(TENANT, {"url": "https://a.example/"}).endpoint
    foreign = vainus(world).create(OTHER_TENANT, {"url": "https://a.example/"}, "").endpoint
    for endpoint_id in (other.id, foreign.id, "ep_unknown"):
        with pytest.raises(NotFound, match="no such webhook"):
            vainus(world).get(TENANT, endpoint_id)
        with pytest.raises(NotFound, match="no such webhook"):
            vainus(world).update(TENANT, endpoint_id, {"url": "https://b.example/"}, "key_1")
        with pytest.raises(NotFound, match="no such webhook"):
            vainus(world).delete(TENANT, endpoint_id)
    assert world.parts.endpoints.get(TENANT, other.id) == other
    assert world.parts.endpoints.get(OTHER_TENANT, foreign.id) == foreign
