"""What every store does for whoever signs in at the console: operators, sessions and links."""

from concurrent.futures import ThreadPoolExecutor

from conformance.backend import run_out
from conformance.suite_config import add_tenant
from ringback.model.console import ConsoleLink, ConsoleSession, Operator, Role
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT

LATER = NOW + 1_000


def operator(operator_id: str = "op_1", name: str = "ada") -> Operator:
    return Operator(operator_id, name, f"hash of {name}", NOW, NOW)


def session(token: bytes = b"s1", holder: str = "operator:op_1", tenant_id: str | None = None) -> ConsoleSession:
    role = Role.OPERATOR if tenant_id is None else Role.ADMINISTRATOR
    return ConsoleSession(token, role, tenant_id, holder, "ada ☎", NOW, LATER)


def link(token: bytes = b"l1", tenant_id: str = TENANT) -> ConsoleLink:
    return ConsoleLink(token, tenant_id, Role.VIEWER, "key_1", LATER)


class TestOperators:
    def test_an_operator_comes_back_as_it_went_in(self, store: Store) -> None:
        assert store.create_operator(operator(), 10)
        assert store.operator_by_name("ada") == store.operator_by_id("op_1") == operator()
        assert store.operator_by_name("Ada") is None
        assert store.operator_by_id("op_2") is None

    def test_they_are_listed_by_name(self, store: Store) -> None:
        for place, name in enumerate(("bob", "äda", "ada", "Zoe")):
            store.create_operator(operator(f"op_{place}", name), 10)
        assert [one.name for one in store.list_operators()] == ["Zoe", "ada", "bob", "äda"]

    def test_a_name_is_there_once_and_there_are_so_many_at_most(self, store: Store) -> None:
        assert store.create_operator(operator(), 2)
        assert not store.create_operator(operator("op_2"), 2)
        assert store.create_operator(operator("op_2", "bob"), 2)
        assert not store.create_operator(operator("op_3", "eve"), 2)
        assert store.delete_operator("op_1")
        assert store.create_operator(operator("op_3", "eve"), 2)

    def test_another_password_ends_the_sessions_of_this_operator_alone(self, store: Store) -> None:
        store.create_operator(operator(), 10)
        store.open_session(session())
        store.open_session(session(b"s2", "operator:op_10"))
        assert store.change_password("op_1", "other", LATER)
        assert store.operator_by_id("op_1") == Operator("op_1", "ada", "other", NOW, LATER)
        assert store.session_by_token(b"s1", NOW) is None
        assert store.session_by_token(b"s2", NOW) is not None
        assert not store.change_password("op_2", "other", LATER)

    def test_the_same_password_hashed_anew_ends_nothing(self, store: Store) -> None:
        store.create_operator(operator(), 10)
        store.open_session(session())
        assert store.renew_hash("op_1", "hash of ada", "anew")
        assert not store.renew_hash("op_1", "hash of ada", "later")
        assert store.operator_by_id("op_1") == operator()._replace(password_hash="anew")
        assert store.session_by_token(b"s1", NOW) == session()

    def test_deleting_an_operator_ends_the_sessions(self, store: Store) -> None:
        store.create_operator(operator(), 10)
        store.open_session(session())
        assert store.delete_operator("op_1")
        assert store.session_by_token(b"s1", NOW) is None
        assert list(store.list_operators()) == []
        assert not store.delete_operator("op_1")


class TestConsoleSessions:
    def test_a_session_is_found_by_its_token_until_it_has_expired(self, store: Store) -> None:
        store.open_session(session())
        assert store.session_by_token(b"s1", LATER - 1) == session()
        assert store.session_by_token(b"s1", LATER) is None
        assert store.session_by_token(b"s2", NOW) is None

    def test_it_ends_once(self, store: Store) -> None:
        store.open_session(session())
        assert store.end_session(b"s1")
        assert not store.end_session(b"s1")
        assert store.session_by_token(b"s1", NOW) is None

    def test_all_of_a_holder_end_together(self, store: Store) -> None:
        for token in (b"s1", b"s2"):
            store.open_session(session(token, "key:key_1"))
        store.open_session(session(b"s3", "key:key_2"))
        assert store.end_sessions_of("key:key_1") == 2
        assert store.end_sessions_of("key:key_1") == 0
        assert store.session_by_token(b"s3", NOW) is not None

    def test_those_of_a_tenant_end_with_it_and_stay_ended(self, store: Store) -> None:
        add_tenant(store)
        add_tenant(store, OTHER_TENANT)
        store.open_session(session(b"s1", "link:acme", TENANT))
        store.open_session(session(b"s2", "link:globex", OTHER_TENANT))
        assert store.session_by_token(b"s1", NOW) == session(b"s1", "link:acme", TENANT)
        store.delete_tenant(TENANT, NOW)
        assert store.session_by_token(b"s1", NOW) is None
        run_out(lambda: store.purge_step(1), 1)
        add_tenant(store)
        assert store.session_by_token(b"s1", NOW) is None
        assert store.session_by_token(b"s2", NOW) is not None

    def test_what_has_expired_goes_in_steps(self, store: Store) -> None:
        add_tenant(store)
        for place in range(3):
            store.open_session(session(b"s%d" % place))
            store.add_link(link(b"l%d" % place))
        store.open_session(session(b"late")._replace(expires_at=LATER + 1))
        assert store.expire_access_step(LATER - 1, 10) == 0
        assert [store.expire_access_step(LATER, 4) for _ in range(3)] == [4, 2, 0]
        assert store.session_by_token(b"late", LATER) is not None


class TestConsoleLinks:
    def test_a_link_is_looked_at_as_often_as_one_likes_and_used_once(self, store: Store) -> None:
        add_tenant(store)
        store.add_link(link())
        assert store.link_by_token(b"l1", NOW) == store.link_by_token(b"l1", NOW) == link()
        assert store.use_link(b"l1", NOW) == link()
        assert store.use_link(b"l1", NOW) is None
        assert store.link_by_token(b"l1", NOW) is None

    def test_it_lets_nobody_in_once_it_has_expired(self, store: Store) -> None:
        add_tenant(store)
        store.add_link(link())
        assert store.link_by_token(b"l1", LATER) is None
        assert store.use_link(b"l1", LATER) is None
        assert store.use_link(b"l1", LATER - 1) == link()

    def test_it_ends_with_its_tenant_and_stays_ended(self, store: Store) -> None:
        add_tenant(store)
        store.add_link(link())
        store.delete_tenant(TENANT, NOW)
        assert store.link_by_token(b"l1", NOW) is None
        assert store.use_link(b"l1", NOW) is None
        run_out(lambda: store.purge_step(1), 1)
        add_tenant(store)
        assert store.use_link(b"l1", NOW) is None

    def test_a_link_is_used_up_by_one_of_many(self, store: Store) -> None:
        add_tenant(store)
        store.add_link(link())
        with ThreadPoolExecutor(4) as many:
            found = list(many.map(lambda _: store.use_link(b"l1", NOW), range(8)))
        assert [one for one in found if one is not None] == [link()]
