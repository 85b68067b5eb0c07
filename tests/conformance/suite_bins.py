"""What every store does for the inspector: bins, what they have kept, and their end."""

from typing import Any

import pytest

from conformance.backend import run_out
from conformance.suite_config import add_tenant
from ringback.model.console import Bin, BinRequest
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT

DAY_MS = 86_400_000
LATER = NOW + DAY_MS


def made(bin_id: str = "bin_a", tenant_id: str | None = TENANT, **changes: Any) -> Bin:
    plain = Bin(
        id=bin_id,
        tenant_id=tenant_id,
        label="Mine",
        status=202,
        headers='{"X-Mine": "1"}',
        body=b"\x00\xff",
        delay_ms=250,
        profile="standard",
        secret="whsec_hidden",
        created_at=NOW,
        expires_at=LATER,
    )
    return plain._replace(**changes)


def request(bin_id: str = "bin_a", at: int = NOW, **changes: Any) -> BinRequest:
    plain = BinRequest(
        bin_id=bin_id,
        number=0,
        at=at,
        method="POST",
        path="/bins/bin_a?x=1",
        headers='[["Host", "h"]]',
        body=b"\x00\xff{",
        truncated=False,
        remote_address="127.0.0.1",
    )
    return plain._replace(**changes)


def add(store: Store, one: Bin) -> Bin:
    assert store.create_bin(one, 100, 100)
    return one


def numbers(store: Store, bin_id: str = "bin_a", before: int | None = None, limit: int = 1_000) -> list[int]:
    return [one.number for one in store.list_bin_requests(bin_id, before, limit)]


class TestBins:
    def test_a_bin_comes_back_as_it_went_in(self, store: Store) -> None:
        mine = add(store, made())
        bare = add(store, made("bin_b", None, profile=None, secret=None, label="", body=b""))
        assert store.get_bin("bin_a", NOW) == mine
        assert store.get_bin("bin_b", NOW) == bare
        assert store.get_bin("bin_none", NOW) is None
        assert list(store.list_bins(NOW)) == [bare, mine]

    def test_there_are_so_many_at_most_in_all_and_of_each_owner(self, store: Store) -> None:
        assert store.create_bin(made("bin_1"), 3, 1)
        assert not store.create_bin(made("bin_2"), 3, 1)
        assert store.create_bin(made("bin_2", None), 3, 1)
        assert not store.create_bin(made("bin_3", None), 3, 1)
        assert store.create_bin(made("bin_3", OTHER_TENANT), 3, 1)
        assert not store.create_bin(made("bin_4", "third"), 3, 1)
        assert [one.id for one in store.list_bins(NOW)] == ["bin_3", "bin_2", "bin_1"]
        assert store.create_bin(made("bin_4", created_at=LATER, expires_at=LATER + 1), 3, 1), "what is over is no more"

    def test_what_can_be_changed_is_and_the_rest_is_not(self, store: Store) -> None:
        add(store, made())
        store.keep_request(request(), 10, LATER)
        wanted = made(
            label="New", status=500, headers="{}", body=b"no", delay_ms=0, profile=None, secret=None,
            expires_at=LATER + 5,
        )  # fmt: skip
        assert store.change_bin(wanted._replace(created_at=1, requests=7))
        assert store.get_bin("bin_a", NOW) == wanted._replace(requests=1)
        assert store.change_bin(wanted._replace(secret="other", profile="vessel"))
        found = store.get_bin("bin_a", NOW)
        assert found is not None
        assert (found.secret, found.profile, found.unreadable) == ("other", "vessel", False)
        assert not store.change_bin(made("bin_none"))

    def test_a_deleted_bin_is_nowhere_and_starts_anew(self, store: Store) -> None:
        add(store, made())
        add(store, made("bin_b"))
        for bin_id in ("bin_a", "bin_b"):
            store.keep_request(request(bin_id), 10, LATER)
        assert store.delete_bin("bin_a")
        assert not store.delete_bin("bin_a")
        assert store.get_bin("bin_a", NOW) is None
        assert store.keep_request(request(), 10, LATER) is None
        assert (numbers(store), numbers(store, "bin_b")) == ([], [1])
        again = add(store, made())
        assert store.get_bin("bin_a", NOW) == again
        assert store.keep_request(request(), 10, LATER) == 1

    def test_requests_come_back_as_they_went_in_newest_first_in_pages(self, store: Store) -> None:
        add(store, made())
        add(store, made("bin_b"))
        kept = [request(at=NOW + place, truncated=place == 1, body=b"x" * place) for place in range(4)]
        assert [store.keep_request(one, 10, LATER) for one in kept] == [1, 2, 3, 4]
        assert store.keep_request(request("bin_b"), 10, LATER) == 1
        expected = [one._replace(number=place) for place, one in enumerate(kept, 1)]
        assert list(store.list_bin_requests("bin_a", None, 10)) == expected[::-1]
        assert numbers(store, limit=2) == [4, 3]
        assert numbers(store, before=3, limit=10) == [2, 1]
        assert numbers(store, before=1) == []
        found = store.get_bin("bin_a", NOW)
        assert found is not None
        assert found.requests == 4

    def test_the_oldest_requests_are_forgotten_and_numbers_go_on(self, store: Store) -> None:
        add(store, made())
        for place in range(7):
            assert store.keep_request(request(), 3, LATER) == place + 1
        assert numbers(store) == [7, 6, 5]

    def test_a_request_lets_its_bin_last_longer_and_never_shorter(self, store: Store) -> None:
        add(store, made())
        store.keep_request(request(), 10, LATER + 9)
        store.keep_request(request(), 10, LATER + 3)
        assert store.get_bin("bin_a", LATER + 8) is not None
        assert store.get_bin("bin_a", LATER + 9) is None

    @pytest.mark.parametrize("at", [LATER, LATER + 1])
    def test_what_has_expired_is_never_answered(self, store: Store, at: int) -> None:
        add(store, made())
        store.keep_request(request(), 10, LATER)
        assert store.get_bin("bin_a", at) is None
        assert list(store.list_bins(at)) == []
        assert store.keep_request(request(at=at), 10, at + DAY_MS) is None


class TestExpiringBins:
    def test_what_has_expired_goes_in_steps_with_what_it_kept(self, store: Store) -> None:
        for bin_id in ("bin_a", "bin_b", "bin_c"):
            add(store, made(bin_id, None, expires_at=NOW + 10 if bin_id != "bin_c" else LATER))
            for _ in range(5):
                store.keep_request(request(bin_id), 10, NOW + 10)
        assert store.expire_bins_step(NOW + 9, 500) == 0
        assert run_out(lambda: store.expire_bins_step(NOW + 10, 3), 3) == 12
        assert [one.id for one in store.list_bins(NOW)] == ["bin_c"]
        assert (numbers(store, "bin_a"), numbers(store, "bin_b")) == ([], [])
        assert numbers(store, "bin_c") == [5, 4, 3, 2, 1]

    def test_the_bins_of_a_deleted_tenant_go_and_those_of_nobody_stay(self, store: Store) -> None:
        for name in (TENANT, OTHER_TENANT):
            add_tenant(store, name)
        add(store, made("bin_a", TENANT))
        add(store, made("bin_b", OTHER_TENANT))
        add(store, made("bin_c", None))
        store.keep_request(request("bin_a"), 10, LATER)
        assert store.expire_bins_step(NOW, 500) == 0
        store.delete_tenant(TENANT, NOW)
        assert store.expire_bins_step(NOW, 500) == 2
        assert store.expire_bins_step(NOW, 500) == 0
        assert [one.id for one in store.list_bins(NOW)] == ["bin_c", "bin_b"]
