"""Getting into the console: passwords, keys and links; what ends a session; and how often anybody may guess."""

from collections.abc import Iterator
from typing import Any

import pytest

from ringback.control.audit import AuditTrail
from ringback.control.console_access import ConsoleAccess, csrf_token
from ringback.control.keys import KeyUseCases
from ringback.control.operators import OperatorUseCases
from ringback.model.console import SESSION_S_MAX, Role
from ringback.model.errors import Forbidden, Invalid, NoKey, NotFound, OverQuota, WrongPassword
from ringback.model.limits import WRONG_PASSWORDS_PER_MINUTE_MAX
from ringback.model.tenant import Scope
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from support.passwords import PlainPasswords
from support.rows import NOW, TENANT, secret, tenant

OWN_KEY = "the-operators-own-key-is-long"
PASSWORD = "correct horse battery"


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = ManualClock(NOW)
        self.passwords = PlainPasswords()
        self.trail = AuditTrail(self.store, self.clock, lambda event, values: None)
        self.access = self.another(admin_key=OWN_KEY)
        self.operators = OperatorUseCases(self.store, self.clock, self.passwords)
        self.keys = KeyUseCases(self.store, self.clock, lambda: None)
        self.store.create_tenant(tenant(), secret("sec_t", None))

    def another(self, **more: Any) -> ConsoleAccess:
        made = {"public_url": "https://hooks.example", **more}
        return ConsoleAccess(self.store, self.clock, self.passwords, self.trail, **made)

    def failures(self) -> Iterator[str]:
        for entry in self.store.list_audit_entries(None, None, 250):
            assert (entry.actor, entry.action) == ("nobody", "console.sign_in_failed")
            yield entry.about


@pytest.fixture
def world() -> World:
    return World()


class TestPasswords:
    def test_a_name_and_its_password_open_a_session_for_twelve_hours(self, world: World) -> None:
        ada = world.operators.create("ada", PASSWORD)
        made = world.access.sign_in_operator("ada", PASSWORD)
        assert made.session == world.access.session(made.token)
        assert made.session.role is Role.OPERATOR
        assert made.session.tenant_id is None
        assert (made.session.holder, made.session.actor) == (f"operator:{ada.id}", "operator ada")
        assert made.session.expires_at == NOW + SESSION_S_MAX * 1_000
        world.clock.pass_s(SESSION_S_MAX)
        assert world.access.session(made.token) is None
        assert list(world.failures()) == []

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("ada", "wrong"),
            ("Ada", PASSWORD),
            ("", ""),
            ("ada", PASSWORD + " "),
            ("a" * 65, PASSWORD),
            ("a\0", "x"),
            ("a\udc80", "x"),
        ],
    )
    def test_a_wrong_one_is_refused_and_says_nothing_of_which_it_was(
        self, world: World, name: str, password: str
    ) -> None:
        ada = world.operators.create("ada", PASSWORD)
        with pytest.raises(WrongPassword) as refused:
            world.access.sign_in_operator(name, password)
        assert (refused.value.code, refused.value.status) == ("wrong_password", 401)
        assert refused.value.detail.startswith("There is no operator with this name and this password.")
        assert list(world.failures()) == [f"operator {ada.id}" if name == "ada" else ""]

    def test_an_unknown_name_costs_as_much_as_a_wrong_password(self, world: World) -> None:
        world.operators.create("ada", PASSWORD)
        for name in ("ada", "eve", "x" * 1_000):
            with pytest.raises(WrongPassword):
                world.access.sign_in_operator(name, "guess")
        assert world.passwords.compared == [f"hash of {PASSWORD}", None, None]

    def test_there_are_too_many_sign_ins_after_ten_wrong_ones_within_a_minute(self, world: World) -> None:
        world.operators.create("ada", PASSWORD)
        for place in range(WRONG_PASSWORDS_PER_MINUTE_MAX):
            world.clock.pass_s(1)
            world.access.sign_in_operator("ada", PASSWORD)  # a right one doesn't count
            with pytest.raises(WrongPassword):
                world.access.sign_in_operator(f"name {place}", "guess")
        compared = len(world.passwords.compared)
        with pytest.raises(OverQuota) as refused:
            world.access.sign_in_operator("ada", PASSWORD)
        assert (refused.value.code, refused.value.retry_after_s) == ("too_many_sign_ins", 51)
        assert len(world.passwords.compared) == compared
        assert len(list(world.failures())) == WRONG_PASSWORDS_PER_MINUTE_MAX
        assert world.access.sign_in_key(OWN_KEY)
        world.clock.pass_s(51)
        assert world.access.sign_in_operator("ada", PASSWORD)

    def test_a_store_that_fails_is_nobodys_wrong_password(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.operators.create("ada", PASSWORD)
        monkeypatch.setattr(world.store, "open_session", lambda session: 1 / 0)
        for _ in range(WRONG_PASSWORDS_PER_MINUTE_MAX + 1):
            with pytest.raises(ZeroDivisionError):
                world.access.sign_in_operator("ada", PASSWORD)

    def test_a_password_that_was_hashed_as_of_old_is_hashed_anew(self, world: World) -> None:
        ada = world.operators.create("ada", PASSWORD)
        before = world.access.sign_in_operator("ada", PASSWORD)
        world.store.renew_hash(ada.id, f"hash of {PASSWORD}", f"old hash of {PASSWORD}")
        assert world.access.sign_in_operator("ada", PASSWORD)
        assert world.store.operator_by_id(ada.id) == ada
        assert world.access.session(before.token) is not None

    @pytest.mark.parametrize("end", ["delete", "change"])
    def test_whoever_is_deleted_or_has_another_password_is_signed_out(self, world: World, end: str) -> None:
        ada = world.operators.create("ada", PASSWORD)
        made = world.access.sign_in_operator("ada", PASSWORD)
        if end == "delete":
            world.operators.delete(ada.id)
        else:
            world.operators.change_password(ada.id, "another password")
        assert world.access.session(made.token) is None
        with pytest.raises(WrongPassword):
            world.access.sign_in_operator("ada", PASSWORD)

    @pytest.mark.parametrize("end", ["delete", "change"])
    def test_while_somebody_is_being_let_in_too(self, world: World, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
        ada = world.operators.create("ada", PASSWORD)
        opened = []

        def meanwhile(session: Any) -> None:
            if end == "delete":
                world.operators.delete(ada.id)
            else:
                world.operators.change_password(ada.id, "another password")
            opened.append(session)
            MemoryStore.open_session(world.store, session)

        monkeypatch.setattr(world.store, "open_session", meanwhile)
        with pytest.raises(WrongPassword):
            world.access.sign_in_operator("ada", PASSWORD)
        assert world.store.session_by_token(opened[0].token_hash, NOW) is None


class TestKeys:
    def test_an_admin_key_signs_in_until_it_is_deleted(self, world: World) -> None:
        made = world.keys.create(None, Scope.ADMIN)
        signed_in = world.access.sign_in_key(made.text)
        assert (signed_in.session.holder, signed_in.session.actor) == (f"key:{made.key.id}", made.key.id)
        assert world.access.session(signed_in.token) == signed_in.session
        world.keys.delete(None, made.key.id)
        assert world.access.session(signed_in.token) is None
        with pytest.raises(NoKey):
            world.access.sign_in_key(made.text)

    def test_deleting_a_key_again_ends_what_the_first_time_left(self, world: World) -> None:
        made = world.keys.create(None, Scope.ADMIN)
        signed_in = world.access.sign_in_key(made.text)
        world.store.delete_key(None, made.key.id)  # and then the process died
        with pytest.raises(NotFound):
            world.keys.delete(None, made.key.id)
        assert world.access.session(signed_in.token) is None

    def test_the_operators_own_key_holds_while_it_is_the_same(self, world: World) -> None:
        made = world.access.sign_in_key(OWN_KEY)
        assert made.session.actor == "operator"
        assert made.session.holder.startswith("admin-key:")
        assert OWN_KEY not in repr(made.session)
        assert world.another(admin_key=OWN_KEY).session(made.token) == made.session
        assert world.another(admin_key="some-other-key-of-the-operator").session(made.token) is None
        assert world.another().session(made.token) is None

    @pytest.mark.parametrize("scope", [Scope.TENANT, Scope.INGEST])
    def test_another_key_is_told_what_it_is(self, world: World, scope: Scope) -> None:
        made = world.keys.create(TENANT, scope)
        with pytest.raises(Forbidden, match=f"scope {scope}"):
            world.access.sign_in_key(made.text)
        assert list(world.failures()) == [f"key {made.key.id}"]

    def test_keys_that_are_not_known_are_written_down_so_often(self, world: World) -> None:
        for _ in range(3 * WRONG_PASSWORDS_PER_MINUTE_MAX):
            with pytest.raises(NoKey):
                world.access.sign_in_key("rb_admin_guess\udc80")
        assert list(world.failures()) == [""] * WRONG_PASSWORDS_PER_MINUTE_MAX

    def test_a_key_that_is_deleted_while_it_lets_in_lets_nobody_in(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = world.keys.create(None, Scope.ADMIN)
        opened = []

        def meanwhile(session: Any) -> None:
            world.keys.delete(None, made.key.id)
            opened.append(session)
            MemoryStore.open_session(world.store, session)

        monkeypatch.setattr(world.store, "open_session", meanwhile)
        with pytest.raises(NoKey):
            world.access.sign_in_key(made.text)
        assert world.store.session_by_token(opened[0].token_hash, NOW) is None


class TestLinks:
    def test_a_link_lets_in_whoever_opens_it_first(self, world: World) -> None:
        made = world.access.make_link(TENANT, Role.VIEWER, 60, "key_1")
        assert made.url == f"https://hooks.example/console/enter/{made.token}"
        assert world.access.peek_link(made.token) == world.access.peek_link(made.token) == made.link
        entered = world.access.enter(made.token)
        assert entered is not None
        assert (entered.session.role, entered.session.tenant_id) == (Role.VIEWER, TENANT)
        assert (entered.session.holder, entered.session.actor) == (f"link:{TENANT}", "link of key_1")
        assert world.access.session(entered.token) == entered.session
        assert world.access.enter(made.token) is None
        assert world.access.peek_link(made.token) is None

    def test_it_is_short_lived(self, world: World) -> None:
        made = world.access.make_link(TENANT, expires_in_s=60)
        world.clock.pass_s(60)
        assert world.access.peek_link(made.token) is None
        assert world.access.enter(made.token) is None

    def test_it_ends_with_the_tenant(self, world: World) -> None:
        first, second = world.access.make_link(TENANT), world.access.make_link(TENANT)
        entered = world.access.enter(first.token)
        assert entered is not None
        world.store.delete_tenant(TENANT, NOW)
        assert world.access.session(entered.token) is None
        assert world.access.enter(second.token) is None

    def test_what_it_may_be(self, world: World) -> None:
        for expires_in_s in (59, 86_401):
            with pytest.raises(Invalid, match=r"^expires_in_s must be"):
                world.access.make_link(TENANT, expires_in_s=expires_in_s)
        with pytest.raises(Invalid, match=r"^role must be"):
            world.access.make_link(TENANT, Role.OPERATOR)
        with pytest.raises(NotFound):
            world.access.make_link("nobody")

    def test_without_a_public_url_none_is_made(self, world: World) -> None:
        with pytest.raises(Invalid, match="RINGBACK_PUBLIC_URL") as refused:
            world.another(public_url=None).make_link(TENANT)
        assert refused.value.code == "public_url_needed"


class TestSessions:
    def test_what_is_no_token_opens_nothing(self, world: World) -> None:
        for token in ("", "x", "A" * 43, "\udc80" * 43, "A" * 10_000):
            assert world.access.session(token) is None
            assert world.access.peek_link(token) is None
            assert world.access.enter(token) is None
            world.access.sign_out(token)

    def test_signing_out_ends_one(self, world: World) -> None:
        first, second = (world.access.sign_in_key(OWN_KEY) for _ in range(2))
        assert first.token != second.token
        world.access.sign_out(first.token)
        assert world.access.session(first.token) is None
        assert world.access.session(second.token) is not None

    def test_no_token_is_in_the_store(self, world: World) -> None:
        link = world.access.make_link(TENANT)
        made = world.access.sign_in_key(OWN_KEY)
        with world.store._tables as tables:
            stored = repr([tables.console_sessions, tables.console_links, tables.audit_entries])
        assert made.token not in stored
        assert link.token not in stored

    def test_forms_carry_what_only_their_session_can_know(self, world: World) -> None:
        # HMAC-SHA256 of the text `csrf` under the token, as openssl makes it.
        assert csrf_token("A" * 43) == "So0WMBvm43rCjhmWj0HI7NPIUkusIQqm4EAHfQmEYf0"
        assert world.access.csrf_token("A" * 43) == csrf_token("A" * 43)
        assert csrf_token("B" * 43) != csrf_token("A" * 43)
        assert csrf_token("\udc80")  # a cookie may hold anything
