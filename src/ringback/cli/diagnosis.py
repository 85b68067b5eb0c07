"""Is a captured request genuine, and if it isn't, what is the likely cause?

Pure: the time comes in. The check itself is `wire.verify`, as a receiver runs it; what comes after a wrong signature is
trying what usually goes wrong (a newline added, JSON written anew, a secret of the other kind) until something fits.
Neither secret nor body is ever in the text.
"""

import json
from collections.abc import Iterator, Sequence
from math import inf
from typing import Final, NamedTuple

import msgspec

from ringback.cli.captured import Captured
from ringback.cli.shown import counted, moment
from ringback.times import rfc3339
from ringback.wire.contract import Contract
from ringback.wire.signature import ED25519, HMAC_SHA256, algorithm_of
from ringback.wire.signing import SIGNATURE_BYTES, Variant
from ringback.wire.verify import TOLERANCE_S, VerificationFailed, Verified, verify
from ringback.wire.vocabulary import SIGNATURE

_BOM: Final = b"\xef\xbb\xbf"
_SECRETS_OF: Final = {HMAC_SHA256: "a whsec_ secret", ED25519: "a whpk_ public key"}


class Diagnosis(NamedTuple):
    """`code` is "valid" or one of VerificationFailed's; `cause` and `advice` may be ""."""

    valid: bool
    code: str
    detail: str
    cause: str = ""
    advice: str = ""
    verified: Verified | None = None
    age_s: float | None = None


def diagnose(
    request: Captured, secrets: Sequence[str], contract: Contract, now_s: float, *, check_time: bool = True
) -> Diagnosis:
    """What is to be thought of `request`. `now_s`: seconds since 1970, the time at which it is checked."""
    try:
        verified = verify(request.headers, request.body, secrets, now_s, inf, contract=contract)
    except VerificationFailed as error:
        return _refused(request, secrets, contract, error)
    sent_at_s = verified.sent_at_s
    age_s = None if sent_at_s is None else now_s - sent_at_s
    if sent_at_s is not None and age_s is not None and check_time and abs(age_s) > TOLERANCE_S:
        return _untimely(verified, sent_at_s, age_s)
    signatures = _signatures(request, contract)
    several = f", one of {len(signatures)} signatures" if len(signatures) > 1 else ""
    event = f"event {verified.id}, " if verified.id is not None else ""
    sent = f"sent {_at(sent_at_s)}, " if sent_at_s is not None else ""
    detail = f"{event}{sent}signature {verified.signature}{several}"
    return Diagnosis(True, "valid", detail, verified=verified, age_s=age_s)


def _untimely(verified: Verified, sent_at_s: int, age_s: float) -> Diagnosis:
    allowed = _duration(TOLERANCE_S)
    if age_s > 0:
        code, detail = "too_old", f"it was sent {_at(sent_at_s)}, {_duration(age_s)} ago; {allowed} is allowed"
        cause = "The signature fits. It is a replay, it was captured earlier, or this clock is fast."
    else:
        code = "too_new"
        detail = f"it was sent {_at(sent_at_s)}, {_duration(-age_s)} ahead of this clock; {allowed} is allowed"
        cause = "The signature fits. This clock is slow, or the sender's is fast."
    advice = f"To check an older request: --at {rfc3339(sent_at_s * 1000)}, or --no-time-check."
    return Diagnosis(False, code, detail, cause, advice, verified, age_s)


def _refused(request: Captured, secrets: Sequence[str], contract: Contract, error: VerificationFailed) -> Diagnosis:
    cause = advice = ""
    if error.code == "missing_header":
        cause = f"The request has the headers {', '.join(name for name, _ in request.headers)}."
        advice = f"A signed one has {', '.join(_names(contract))}; does something on the way drop them?"
        if not contract.profile.secret_needed:
            advice += " Or has the endpoint no secret? Then nothing is signed."
    elif error.code == "wrong_signature":
        cause, advice = _why_wrong(request, secrets, contract)
    return Diagnosis(False, error.code, error.detail, cause, advice)


def _why_wrong(request: Captured, secrets: Sequence[str], contract: Contract) -> tuple[str, str]:
    """The likely cause, and what to do."""
    for changed, cause in _variations(request.body):
        try:
            verify(request.headers, changed, secrets, 0.0, inf, contract=contract)
        except VerificationFailed:
            continue
        return f"{cause}.", "Check the bytes of the body as they come in, before anything parses or prints them."
    return next(_other_causes(request, secrets, contract))


def _other_causes(request: Captured, secrets: Sequence[str], contract: Contract) -> Iterator[tuple[str, str]]:
    """Causes that show in the request, and in the end those that don't."""
    signatures = _signatures(request, contract)
    usable = [signature for signature in signatures if _fits_kind(signature, secrets, contract)]
    if not usable:
        kinds = ", ".join(sorted({_kind(signature, contract) for signature in signatures}))
        yield f"The signatures are of another kind ({kinds}) than the secret.", _which_secret(contract)
    if usable and all(_is_cut(signature, contract) for signature in usable):
        yield "The signature is too short: it was cut.", "Copy the whole header."
    if "chunked" in (request.header("transfer-encoding") or "").lower():
        yield "The body was captured in chunks, as it was transferred.", "Capture it as the application gets it."
    length = request.header("content-length")
    if length is not None and length.isdigit() and int(length) != len(request.body):
        size = counted(len(request.body), "byte")
        yield f"The body was changed: it has {size}, and Content-Length says {length}.", "Capture it anew."
    if request.inexact:
        yield "The body is not UTF-8, so a line of `ringback listen --json` can't hold it exactly.", ""
    owner = "tenant" if contract.profile.tenant_signs else "endpoint"
    whose = f"It is the secret of another {owner} or a former one"
    headers = contract.signing.headers if contract.signing is not None else ()
    signed = " or ".join(filter(None, [", ".join(["the body", *headers[:-1]]), *headers[-1:]]))
    where = "tenants/ID" if contract.profile.tenant_signs else "endpoints/ID"
    yield f"{whose}, or {signed} was changed.", f"`GET …/{where}/secret` of the API shows the secret that signs."


def _variations(body: bytes) -> Iterator[tuple[bytes, str]]:
    """What the body may have been, and what must have happened to it then."""
    bare = body.rstrip(b"\r\n")
    if bare != body:
        yield bare, "A newline was added at the end of the body"
    for end in (b"\n", b"\r\n"):
        yield bare + end, "The newline at the end of the body was lost"
    if body.strip() != body:
        yield body.strip(), "White space was added around the body"
    if b"\r\n" in body:
        yield body.replace(b"\r\n", b"\n"), "The line ends of the body were changed (LF became CRLF)"
    elif b"\n" in body:
        yield body.replace(b"\n", b"\r\n"), "The line ends of the body were changed (CRLF became LF)"
    yield body.removeprefix(_BOM), "A byte order mark was put before the body"
    for written in _written_anew(body):
        yield written, "The body was parsed and its JSON written anew (spaces, order or escapes differ)"


def _written_anew(body: bytes) -> Iterator[bytes]:
    """The same JSON as the usual libraries write it."""
    try:
        parsed = json.loads(body)
        for indent in (-1, 0, 2, 4):
            yield msgspec.json.format(body, indent=indent)
    except (ValueError, RecursionError):
        return
    if isinstance(parsed, str):
        yield parsed.encode("utf-8", "replace")
    for separators in ((",", ":"), (", ", ": ")):
        for ascii_only in (False, True):
            for sort_keys in (False, True):
                text = json.dumps(parsed, separators=separators, ensure_ascii=ascii_only, sort_keys=sort_keys)
                yield text.encode("utf-8", "replace")


def _signatures(request: Captured, contract: Contract) -> list[str]:
    value = request.header(contract.header_of(SIGNATURE) or "") or ""
    signing = contract.signing
    return [value] if signing is None or signing.separator is None else value.split(signing.separator)


def _fits_kind(signature: str, secrets: Sequence[str], contract: Contract) -> bool:
    if contract.signing is None or not contract.profile.standard_secret:
        return True
    algorithms = {algorithm_of(secret) for secret in secrets}
    return any(
        signature.startswith(variant.prefix) and variant.algorithm in algorithms
        for variant in contract.signing.variants.values()
    )


def _kind(signature: str, contract: Contract) -> str:
    """The variant that a signature is of, by its prefix; else what it begins with."""
    variants = contract.signing.variants.values() if contract.signing is not None else ()
    found = (variant.name for variant in variants if variant.prefix and signature.startswith(variant.prefix))
    return next(found, signature.partition(",")[0])


def _which_secret(contract: Contract) -> str:
    variants = contract.signing.variants.values() if contract.signing is not None else ()
    checked = [f"{one.name} is checked with {_SECRETS_OF[one.algorithm]}" for one in variants]
    return f"{', '.join(checked)}: use the one of this endpoint."


def _is_cut(signature: str, contract: Contract) -> bool:
    """Whether it is shorter than one that the profile has under this prefix, and as long as none."""
    variants = contract.signing.variants.values() if contract.signing is not None else ()
    sizes = [len(one.prefix) + _chars(one) for one in variants if signature.startswith(one.prefix)]
    return bool(sizes) and len(signature) < max(sizes) and len(signature) not in sizes


def _chars(variant: Variant) -> int:
    """How long its signatures are, without the prefix."""
    size = SIGNATURE_BYTES[variant.algorithm]
    return 2 * size if variant.encoding == "hex" else (size + 2) // 3 * 4


def _names(contract: Contract) -> list[str]:
    signed = contract.signing.headers if contract.signing is not None else ()
    return list(dict.fromkeys([*signed, *filter(None, [contract.header_of(SIGNATURE)])]))


def _at(seconds: int) -> str:
    return f"{moment(rfc3339(seconds * 1000))} UTC"


def _duration(seconds: float) -> str:
    """`4 min 10 s`, `3 h 20 min`, `2 days 3 h`: the two largest units."""
    left, parts = round(seconds), []
    for unit_s, unit in ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, unit_s)
        if count:
            parts.append(f"{count} {unit if (count, unit) != (1, 'days') else 'day'}")
    return " ".join(parts[:2]) or "0 s"
