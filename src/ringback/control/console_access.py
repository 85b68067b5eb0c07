"""Getting into the console: by an operator's name and password, by an admin key, or by a link that a key had made.

Whoever gets in gets a token, which only their browser has: the store has its SHA-256, as with keys. A session ends
after SESSION_S_MAX, when it is signed out of, or when the right that it stands on does (`ConsoleSession.holder`). A
right may end while somebody is being let in: it is looked at again once the session is stored, which is when whoever
ends a right would find it. Fails with the errors of `model.errors`, and the store's.
"""

import base64
import hashlib
import hmac
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.audit import NOBODY, AuditTrail
from ringback.control.findings import Findings
from ringback.control.keys import hash_of_key
from ringback.control.passwords import Passwords, Patience
from ringback.control.tenants import required_tenant
from ringback.model.console import (
    LINK_HOLDER,
    LINK_S_DEFAULT,
    LINK_S_MAX,
    OWN_KEY_HOLDER,
    SESSION_S_MAX,
    ConsoleLink,
    ConsoleSession,
    Operator,
    Role,
    key_holder,
    operator_holder,
)
from ringback.model.errors import FieldError, Forbidden, Invalid, NoKey, WrongPassword
from ringback.model.limits import OPERATOR_NAME_CHARS_MAX, PASSWORD_CHARS_MAX
from ringback.model.tenant import ApiKey, Scope
from ringback.store.port import ConsoleSessions, Keys, Operators, Tenants

TOKEN_RANDOM_BYTES: Final = 32
LINK_S_MIN: Final = 60
_TOKEN_CHARS: Final = 43
_OWN_KEY_DIGITS: Final = 16


class AccessStore(Operators, ConsoleSessions, Keys, Tenants, Protocol):
    """What these use cases need of a store."""


class NewSession(NamedTuple):
    """A session just opened; `token` is what the browser has to keep."""

    token: str
    session: ConsoleSession


class NewLink(NamedTuple):
    """A link just made; `token` is what `url` ends with."""

    token: str
    link: ConsoleLink
    url: str


class ConsoleAccess:
    """Who gets in. `admin_key` is the operator's own key in this process (None: only keys of the store hold), and
    `public_url` where people reach the console (None: not known, so that no link can be made)."""

    def __init__(
        self,
        store: AccessStore,
        clock: Clock,
        passwords: Passwords,
        trail: AuditTrail,
        *,
        admin_key: str | None = None,
        public_url: str | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._trail = trail
        self._own_hash = None if admin_key is None else hash_of_key(admin_key)
        self._public_url = public_url
        self._patience = Patience(clock)
        self._noting = Patience(clock)

    # ── signing in ───────────────────────────────────────────────────────────────────────────────────────────

    def sign_in_operator(self, name: str, password: str) -> NewSession:
        """Raises WrongPassword, and OverQuota when there were too many wrong ones just now."""
        with self._patience.trying():
            operator = self._known(name, password)
            made = self._open(Role.OPERATOR, None, operator_holder(operator.id), f"operator {operator.name}")
            present = self._store.operator_by_id(operator.id)
            if present is None or present.password_hash != operator.password_hash:
                self.sign_out(made.token)
                raise _wrong_password()
        return made

    def sign_in_key(self, key: str) -> NewSession:
        """By an admin key. Raises NoKey for one that is not known, Forbidden for another key."""
        digest = hash_of_key(key)
        if self._own_hash is not None and hmac.compare_digest(digest, self._own_hash):
            return self._open(Role.OPERATOR, None, self._own_holder(), "operator")
        found = self._admin_key(digest)
        made = self._open(Role.OPERATOR, None, key_holder(found.id), found.id)
        if self._store.find_key(digest) is None:
            self.sign_out(made.token)
            raise _unknown_key()
        return made

    def _known(self, name: str, password: str) -> Operator:
        """The operator with this name and password. An unknown name takes as long as a wrong password. Raises
        WrongPassword."""
        possible = len(name) <= OPERATOR_NAME_CHARS_MAX and name.isprintable() and len(password) <= PASSWORD_CHARS_MAX
        operator = self._store.operator_by_name(name) if possible else None
        fit = self._passwords.fits(password if possible else "", operator.password_hash if operator else None)
        if operator is None or not fit.fits:
            # What was typed as a name may be a password: only a name that is one is written down.
            self._trail.record(NOBODY, "console.sign_in_failed", None, f"operator {operator.id}" if operator else "")
            raise _wrong_password()
        if not fit.stale:
            return operator
        anew = self._passwords.hash(password)
        self._store.renew_hash(operator.id, operator.password_hash, anew)
        return operator._replace(password_hash=anew)

    def _admin_key(self, digest: bytes) -> ApiKey:
        found = self._store.find_key(digest)
        if found is not None and found.scope is Scope.ADMIN:
            return found
        if self._noting.allows():
            self._trail.record(NOBODY, "console.sign_in_failed", None, f"key {found.id}" if found else "")
        if found is None:
            raise _unknown_key()
        instead = f" It can make a link: `ringback console-link {found.tenant_id}`." * (found.scope is Scope.TENANT)
        raise Forbidden(f"This is a key of scope {found.scope}, and only an admin key signs in here.{instead}")

    # ── links ────────────────────────────────────────────────────────────────────────────────────────────────

    def make_link(
        self, tenant_id: str, role: Role = Role.ADMINISTRATOR, expires_in_s: int = LINK_S_DEFAULT, actor: str = ""
    ) -> NewLink:
        """A link that lets in whoever opens it first. Raises Invalid, with the code `public_url_needed` where the
        setting is missing, and NotFound."""
        findings = Findings()
        findings.number("expires_in_s", expires_in_s, LINK_S_MIN, LINK_S_MAX, "seconds")
        if role is Role.OPERATOR:
            findings.add("role", "must be administrator or viewer")
        findings.raise_if_any()
        if self._public_url is None:
            raise Invalid(
                "The server does not know under which address people reach it, so it can't make a link. Set "
                "public_url (--public-url, RINGBACK_PUBLIC_URL).",
                [FieldError("public_url", "is not set on the server")],
                code="public_url_needed",
            )
        required_tenant(self._store, tenant_id)
        token = self._new_token()
        link = ConsoleLink(_hash_of(token), tenant_id, role, actor, self._clock.now_ms() + expires_in_s * 1_000)
        self._store.add_link(link)
        return NewLink(token, link, f"{self._public_url.rstrip('/')}/console/enter/{token}")

    def peek_link(self, token: str) -> ConsoleLink | None:
        """The link, which stays as it is; None when there is none, or not any more."""
        return self._store.link_by_token(_hash_of(token), self._clock.now_ms()) if _may_be(token) else None

    def enter(self, token: str) -> NewSession | None:
        """Use a link up; None when there is none, or not any more."""
        link = self._store.use_link(_hash_of(token), self._clock.now_ms()) if _may_be(token) else None
        if link is None:
            return None
        made = self._open(link.role, link.tenant_id, LINK_HOLDER + link.tenant_id, f"link of {link.made_by}")
        if self._store.get_tenant(link.tenant_id) is None:
            self.sign_out(made.token)
            return None
        return made

    # ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────

    def session(self, token: str) -> ConsoleSession | None:
        """Whoever has this token; None when nobody has, or not any more."""
        found = self._store.session_by_token(_hash_of(token), self._clock.now_ms()) if _may_be(token) else None
        if found is not None and found.holder.startswith(OWN_KEY_HOLDER) and found.holder != self._own_holder():
            return None
        return found

    def sign_out(self, token: str) -> None:
        """End the session, if there is one."""
        self._store.end_session(_hash_of(token))

    def csrf_token(self, token: str) -> str:
        """What the forms of a session carry."""
        return csrf_token(token)

    def _open(self, role: Role, tenant_id: str | None, holder: str, actor: str) -> NewSession:
        now = self._clock.now_ms()
        token = self._new_token()
        session = ConsoleSession(_hash_of(token), role, tenant_id, holder, actor, now, now + SESSION_S_MAX * 1_000)
        self._store.open_session(session)
        return NewSession(token, session)

    def _own_holder(self) -> str:
        """By which right whoever has the operator's own key is here: another key is another right."""
        return OWN_KEY_HOLDER + ("" if self._own_hash is None else self._own_hash.hex()[:_OWN_KEY_DIGITS])

    def _new_token(self) -> str:
        return _base64url(self._clock.token_bytes(TOKEN_RANDOM_BYTES))


def csrf_token(session_token: str) -> str:
    """What the forms of a session carry: made of its token, which it doesn't give away."""
    return _base64url(hmac.digest(session_token.encode("utf-8", "surrogatepass"), b"csrf", "sha256"))


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _may_be(token: str) -> bool:
    return len(token) == _TOKEN_CHARS


def _base64url(chance: bytes) -> str:
    return base64.urlsafe_b64encode(chance).decode("ascii").rstrip("=")


def _wrong_password() -> WrongPassword:
    return WrongPassword("There is no operator with this name and this password. Capital letters count.")


def _unknown_key() -> NoKey:
    return NoKey("This key is not known, or not any more. Is it whole?")
