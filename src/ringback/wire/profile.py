"""Profiles: wire contracts as data, one TOML file each, checked as a whole when they are loaded.

`load_profile` gives the compiled contract of a profile that comes with Ringback; `check_profile` reads any text. Both
fail with `ProfileError`, which names the line, the key and the allowed words, and only here: never when a request is
made.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from string import ascii_letters, digits
from typing import Final

from ringback.wire import vocabulary as words
from ringback.wire.contract import Contract, FirstEvent, Header, Profile, Retry, Rules
from ringback.wire.handshake import read_handshake
from ringback.wire.header_value import header_writer
from ringback.wire.json_text import checked
from ringback.wire.lines import line_of
from ringback.wire.message import Message, Rendered
from ringback.wire.sample import read_samples
from ringback.wire.shape import Shape
from ringback.wire.signing import SECRET, Content, Signing, Variant
from ringback.wire.slots import TIME_FORMATS
from ringback.wire.template import AS_TEXT, BadTemplate, Names, Template, compile_template
from ringback.wire.vocabulary import ProfileError, Table
from ringback.wire.when import When

__all__ = ["Contract", "Message", "ProfileError", "Rendered", "check_profile", "load_profile", "profile_names"]

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_FIELD: Final = re.compile(r"[^\x00-\x1f]{1,256}")
_EVENT_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_EVENT_TYPE_CHARS_MAX: Final = 128
_SET_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EVENT_TYPES: Final = re.compile(r"[A-Za-z0-9_.-]+(\.\*)?|\*")
_LINE_OF_SYNTAX: Final = re.compile(r"at line (\d+)")

# What the transport writes itself, or what would change where a request ends.
_FORBIDDEN_HEADERS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer", "keep-alive")
)
_BODY: Final = "{body}"
_SIGNATURE: Final = f"{{{words.SIGNATURE}}}"
_ALPHABETS: Final = {"base64": f"{ascii_letters}{digits}+/=", "hex": f"{digits}abcdef"}
_RETRIES_MAX: Final = 100
_DELAY_S_MAX: Final = 7 * 86_400.0
_ENDPOINTS_MAX: Final = 100_000


def profile_names() -> tuple[str, ...]:
    """The profiles that come with Ringback."""
    return _NAMES


@cache
def load_profile(name: str) -> Contract:
    """The contract of a profile that comes with Ringback. Raises ProfileError for any other name."""
    if name not in _NAMES:
        raise ProfileError(name, "name", f"is not a profile; allowed: {', '.join(_NAMES)}")
    return check_profile(profile_text(name), name)


def profile_text(name: str) -> str:
    """The file of a profile that comes with Ringback."""
    return (_FOLDER / f"{name}.toml").read_text("utf-8")


def check_profile(text: str, name: str) -> Contract:
    """Check the TOML `text` of a profile and compile it; `name` is its file's, which it must repeat."""
    try:
        parsed = tomllib.loads(text)
        return Contract(_profile(Table(name, "", parsed)), text)
    except ProfileError as error:
        line = line_of(text, error.key, error.found)
        raise ProfileError(name, error.key, error.message, error.found, line) from None
    except ValueError as error:  # also of a number that is too long
        found = _LINE_OF_SYNTAX.search(str(error))
        line = int(found[1]) if found else None
        raise ProfileError(name, "file", f"is not TOML: {error}", line=line) from None
    except RecursionError:
        raise ProfileError(name, "file", "is nested too deeply") from None


def _profile(top: Table) -> Profile:
    top.only(
        "name", "title", "description", "source", "request", "headers", "shapes", "maps", "masks", "signature",
        "delivery", "rules", "handshake", "samples",
    )  # fmt: skip
    request, delivery = top.table("request"), top.table("delivery")
    request.only("method", "body")
    delivery.only("success", "retry")
    names = _names(top)
    headers = _headers(top.table("headers"), names)
    form = request.word("body", words.BODY_FORMS)
    signature = _Signature(top.table("signature"), headers, names) if "signature" in top else None
    if signature is None and any(header.write is None for header in headers):
        raise top.refuse("signature", "is missing: a header carries the signature")
    return Profile(
        name=_name(top),
        title=top.text("title"),
        description=top.text("description").strip(),
        source=top.text("source"),
        method=request.word("method", words.METHODS),
        body_form=form,
        headers=headers,
        shapes=_shapes(top, form, names),
        tenant_signs=signature.tenant_signs if signature else False,
        secret_needed=signature.needed if signature else False,
        standard_secret=signature is not None and signature.form == "standard",
        default_variant=signature.default if signature else "",
        signing=signature.signing if signature else None,
        success=delivery.word("success", words.SUCCESSES),
        retry=_retry(delivery),
        rules=_rules(top),
        handshake=read_handshake(top.table("handshake")) if "handshake" in top else None,
        samples=read_samples(top),
    )


def _name(top: Table) -> str:
    name = top.text("name")
    if name != top.profile or not _NAME.fullmatch(name):
        raise top.refuse("name", f"must be {top.profile!r}, as the file, of a-z, 0-9 and single hyphens")
    return name


# ── words of its own ──────────────────────────────────────────────────────────────────────────────────────────────


def _names(top: Table) -> Names:
    maps, masks = {}, {}
    for name, table in _named(top, "maps"):
        maps[name] = {word: table.text(word) for word in table.names()}
    if "masks" in top:
        table = top.table("masks")
        for name in table.names():
            _check_word(table, name, maps)
            masks[name] = table.texts(name, _FIELD, "names of members of data")
    return Names(maps, masks)


def _named(top: Table, key: str) -> list[tuple[str, Table]]:
    if key not in top:
        return []
    table = top.table(key)
    for name in table.names():
        _check_word(table, name, {})
    return [(name, table.table(name)) for name in table.names()]


def _check_word(table: Table, name: str, taken: dict[str, dict[str, str]]) -> None:
    if not _WORD.fullmatch(name) or name in TIME_FORMATS or name == AS_TEXT or name in taken:
        raise table.refuse(name, "can't be used as a name: letters, digits and _, and no name of a form")


# ── headers and body ──────────────────────────────────────────────────────────────────────────────────────────────


def _headers(table: Table, names: Names) -> tuple[Header, ...]:
    lower = [name.lower() for name in table.names()]
    found = []
    for name in table.names():
        if not _HEADER_NAME.fullmatch(name):
            raise table.refuse(name, "is not a header name (RFC 9110, section 5.1)")
        if name.lower() in _FORBIDDEN_HEADERS or lower.count(name.lower()) > 1:
            raise table.refuse(name, "belongs to the transport, or stands here twice")
        value = table.ascii(name)
        template = None if value == _SIGNATURE else _template(table, name, value, names)
        if template is None:
            found.append(Header(name, value, None, (), always=False))
        else:
            found.append(Header(name, value, header_writer(template), template.slots, template.always))
    if sum(header.write is None for header in found) > 1:
        raise table.refuse("", "two headers carry the signature")
    if "content-type" not in lower:
        raise table.refuse("", "must have content-type, such as application/json")
    return tuple(found)


def _template(table: Table, key: str, text: str, names: Names) -> Template:
    try:
        return compile_template(text, names)
    except BadTemplate as bad:
        raise table.refuse(key, str(bad), bad.found) from None


def _shapes(top: Table, form: str, names: Names) -> tuple[tuple[When, Shape], ...]:
    tables = top.tables("shapes")
    found = tuple(_shape(table, form, names) for table in tables)
    for (when, _), table in zip(found[:-1], tables, strict=False):
        if when == When():
            raise table.refuse("when", "is missing: only the last shape is for everything else")
    if found[-1][0] != When():
        raise tables[-1].refuse("when", "must not stand in the last shape, which is for everything else")
    return found


def _shape(table: Table, form: str, names: Names) -> tuple[When, Shape]:
    table.only("when", "json")
    try:
        return _when(table), Shape(table.text("json"), form, names)
    except BadTemplate as bad:
        raise table.refuse("json", str(bad), bad.found) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, ProfileError):
            raise
        raise table.refuse("json", f"is no JSON: {error}") from None


def _when(table: Table) -> When:
    if "when" not in table:
        return When()
    when = table.table("when")
    when.only("event_types", "actions", "data_is")
    return When(
        when.texts("event_types", _EVENT_TYPES, "event types, prefix.* or *") if "event_types" in when else (),
        when.texts("actions", words.ACTIONS, "words such as created") if "actions" in when else (),
        when.texts("data_is", _FIELD, "names of members of data") if "data_is" in when else (),
    )


# ── the signature ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Signature:
    """The `[signature]` of a profile, read and compiled."""

    def __init__(self, table: Table, headers: tuple[Header, ...], names: Names) -> None:
        table.only("secret_of", "secret", "needed", "content", "several", "default", "variants")
        if all(header.write is not None for header in headers):
            raise table.refuse("", f"is of no use: no header carries {_SIGNATURE}")
        self.tenant_signs = table.word("secret_of", words.SECRET_OWNERS) == "tenant"
        self.form = table.word("secret", words.SECRET_FORMS)
        if self.tenant_signs and self.form != "text":
            raise table.refuse("secret", "must be text where the tenant's secret signs")
        self.needed = table.word("needed", words.SECRETS_NEEDED) == "always" if "needed" in table else True
        content = _content(table, headers)
        variants = {name: self._variant(name, one) for name, one in _variant_tables(table)}
        self.default = table.word("default", variants)
        separator = _separator(table, variants) if "several" in table else None
        plain = any(variant.algorithm == "sha256" for variant in variants.values())
        has_secret = SECRET in content.before_of + content.behind_of
        if plain is not has_secret:
            raise table.refuse("content", "has {secret} if and only if the algorithm is sha256")
        self.signing = Signing(self.form, content, variants, separator)

    def _variant(self, name: str, table: Table) -> Variant:
        table.only("algorithm", "encoding", "prefix", "arguments")
        algorithm = table.word("algorithm", words.ALGORITHMS)
        encoding = table.word("encoding", words.ENCODINGS)
        standard = algorithm in ("hmac-sha256", "ed25519") and encoding == "base64"
        if self.form == "standard" and not standard:
            raise table.refuse("algorithm", "standard secrets sign with hmac-sha256 or ed25519, in base64")
        if self.form == "text" and algorithm == "ed25519":
            raise table.refuse("algorithm", "ed25519 needs secrets of the standard form")
        arguments = table.word("arguments", words.ARGUMENTS) if "arguments" in table else "described"
        if arguments == "published" and (self.form == "standard" or not algorithm.startswith("hmac-")):
            raise table.refuse("arguments", "can only be exchanged for HMAC with a secret that is text")
        return Variant(
            name, algorithm, encoding, table.ascii("prefix") if "prefix" in table else "", arguments == "published"
        )


def _separator(table: Table, variants: dict[str, Variant]) -> str:
    """What stands between signatures, and in none of them: or they could not be taken apart again."""
    separator = table.separator("several")
    for variant in variants.values():
        if separator in variant.prefix or separator in _ALPHABETS[variant.encoding]:
            raise table.refuse("several", f"{separator!r} stands in the signatures of {variant.name} themselves")
    return separator


def _variant_tables(table: Table) -> list[tuple[str, Table]]:
    variants = table.table("variants")
    for name in variants.names():
        if not _WORD.fullmatch(name):
            raise variants.refuse(name, "can't be used as a name: letters, digits and _")
    return [(name, variants.table(name)) for name in variants.names()]


def _content(table: Table, headers: tuple[Header, ...]) -> Content:
    """What is signed: `{body}`, `{secret}`, constants, and what headers carry, written as the header has it."""
    text = table.text("content")
    before, body, behind = text.partition(_BODY)
    if not body or _BODY in behind:
        raise table.refuse("content", "must have {body}, once, or the signature would not protect it")
    carried = {header.template: header.name.lower() for header in headers if header.always}
    carried[SECRET] = SECRET
    return Content(*_parts(table, before, carried), *_parts(table, behind, carried))


def _parts(table: Table, text: str, carried: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with %s for each slot, and what goes there."""
    pieces, names = [], []
    for piece in re.split(r"(\{[^{}]*\})", text):
        if piece.startswith("{"):
            if piece not in carried:
                known = ", ".join([_BODY, *(one for one in carried if one.startswith("{"))])
                message = f"{piece} can't be signed; allowed: {known}: what a header has whatever the event"
                raise table.refuse("content", message, piece)
            names.append(carried[piece])
            pieces.append("%s")
        else:
            pieces.append(piece.replace("%", "%%"))
    return "".join(pieces), tuple(names)


# ── delivery and rules ────────────────────────────────────────────────────────────────────────────────────────────


def _retry(table: Table) -> Retry:
    if "retry" in table and not table.is_word("retry"):
        retry = table.table("retry")
        retry.only("delays_s")
        return Retry(retry.numbers("delays_s", 0.0, _DELAY_S_MAX, _RETRIES_MAX))
    table.word("retry", words.RETRIES)
    return Retry(None)


def _rules(top: Table) -> Rules:
    if "rules" not in top:
        return Rules()
    rules = top.table("rules")
    rules.only("endpoints_per_tenant", "https_only", "one_channel", "on_create", "tracked_set")
    most = rules.number("endpoints_per_tenant", 1, _ENDPOINTS_MAX) if "endpoints_per_tenant" in rules else None
    first = _first_event(rules.table("on_create")) if "on_create" in rules else None
    tracked = _tracked_set(rules) if "tracked_set" in rules else None
    number = None if most is None else int(most)
    return Rules(number, rules.yes("https_only"), rules.yes("one_channel"), first, tracked)


def _tracked_set(rules: Table) -> str:
    name = rules.text("tracked_set")
    if not _SET_NAME.fullmatch(name):
        raise rules.refuse("tracked_set", "must be the name of a tracked set: 1 to 64 letters, digits, _ or -", name)
    return name


def _first_event(table: Table) -> FirstEvent:
    table.only("event_type", "data")
    event_type = table.text("event_type")
    if len(event_type) > _EVENT_TYPE_CHARS_MAX or not _EVENT_TYPE.fullmatch(event_type):
        raise table.refuse("event_type", "must be an event type, such as connection.status_changed", event_type)
    try:
        return FirstEvent(event_type, checked(table.text("data")))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ProfileError):
            raise
        raise table.refuse("data", f"is no JSON: {error}") from None


_FOLDER: Final = files("ringback.wire") / "profiles"
_NAMES: Final = tuple(sorted(entry.name[:-5] for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")))
