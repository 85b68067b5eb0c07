"""The page of each profile in docs/profiles, made from its file: what goes out, an example, how to verify it.

`pages()` gives name → text. The examples are rendered by the profile itself with a secret that is an example; the code
that verifies is made of what the profile says is signed, so that a changed profile changes its page. tests/docs runs it
"""

from collections.abc import Iterator
from itertools import groupby

from ringback.compat_hosts import CONTRACTS
from ringback.wire.contract import Contract
from ringback.wire.handshake import RANDOM, Handshake
from ringback.wire.message import Message, Rendered
from ringback.wire.profile import load_profile, profile_names
from ringback.wire.receiving.scripts import javascript_code, python_code, shell_code, shell_prints
from ringback.wire.receiving.signed import signed_by
from ringback.wire.sample import Sample
from ringback.wire.signing import Variant
from ringback.wire.time_sent import signed_time

EXAMPLES = {True: "whsec_YW4tZXhhbXBsZS1zZWNyZXQtMDEyMzQ1Njc4OTA=", False: "an-example-secret-0123456789"}
HAPPENED_MS, SENT_MS = 1_795_346_400_250, 1_795_346_400_500
USUAL = Sample("contact.created", '{"id": "c_17", "name": "Ada Núñez", "rating": 4.5}'.encode(), "contact", "c_17")
SHOWN_MAX = 8
"""Of a profile with more samples than that, or one alone, only the types are listed."""


def pages() -> dict[str, str]:
    """File name → text, of all profiles that come with Ringback."""
    return {f"{name}.md": "".join(_page(load_profile(name))) for name in profile_names()}


def example(contract: Contract, sample: Sample | None = None) -> Rendered:
    """The request of a sample (None: the profile's first, or the usual one), made with the example's secret."""
    event_type, data, *about = sample or next(iter(contract.samples.values()), USUAL)
    subject_type, subject_id, change, previous = about
    message = Message(
        "evt_01KAJ6S5RA2N4Q8T0V6X8Z1B3D", event_type, data,
        HAPPENED_MS, SENT_MS, tenant_id="acme", endpoint_id="ep_01KAJ6M3YV5S7W9Y1A3C5E7G9J", number=364_559,
        subject_type=subject_type, subject_id=subject_id, change=change, previous=previous, channel="eu",
        accepted_ms=HAPPENED_MS, base_url="https://ringback.example.com",
    )  # fmt: skip
    secrets = [secret_of(contract)] if contract.signing is not None else []
    return contract.render(message, secrets, contract.default_signature)


def secret_of(contract: Contract) -> str:
    """The secret of the examples."""
    return EXAMPLES[contract.profile.standard_secret]


def _page(contract: Contract) -> Iterator[str]:
    profile = contract.profile
    yield f'# {profile.title}\n\nFor `profile = "{profile.name}"`.\n\n{profile.description}\n\n'
    yield f"Source: {_linked(profile.source)}\n\n"
    if profile.name in CONTRACTS:
        yield f"Its management API is answered too: [compat.md](../compat.md#{profile.name}).\n\n"
    yield "| what | how |\n|---|---|\n"
    yield from (f"| {what} | {how} |\n" for what, how in _facts(contract))
    rendered = example(contract)
    yield "\n## An example\n\n"
    if contract.signing is not None:
        yield f"Signed with the secret `{secret_of(contract)}`.\n\n"
    lines = [f"{name}: {value}" for name, value in rendered.headers]
    yield (
        f"```http\n{contract.method} /your/path HTTP/1.1\n" + "\n".join(lines) + f"\n\n{rendered.body.decode()}\n```\n"
    )
    yield from _samples(contract)
    yield from _verifying(contract)


def _samples(contract: Contract) -> Iterator[str]:
    """What previews, tests and `ringback profile show` have for this profile: the bodies, or only the types of many."""
    if not contract.samples:
        return
    yield "\n## Samples\n\nPreviews and tests of endpoints have these events, and "
    yield f"`ringback profile show {contract.name} --type TYPE`:\n"
    if not 1 < len({sample.data for sample in contract.samples.values()}) <= SHOWN_MAX:
        yield "\n"
        for subject, samples in groupby(contract.samples.values(), lambda sample: sample.subject_type):
            yield f"- {subject}: " + ", ".join(f"`{sample.event_type}`" for sample in samples) + "\n"
        return
    for event_type, sample in contract.samples.items():
        yield f"\n`{event_type}`:\n\n```json\n{example(contract, sample).body.decode()}\n```\n"


def _linked(source: str) -> str:
    return f"<{source}>" if source.startswith("https:") else f"{source}."


def _facts(contract: Contract) -> Iterator[tuple[str, str]]:
    profile, signing = contract.profile, contract.signing
    yield "success", "any status from 200 to 299"
    delays = profile.retry.delays_s
    yield "retries", "the usual schedule" if delays is None else ", ".join(f"{delay:g} s" for delay in delays)
    if signing is None:
        yield "signature", "none"
    else:
        yield "secret", "the tenant's, shared by its endpoints" if profile.tenant_signs else "each endpoint's own"
        if not profile.secret_needed:
            yield "signed", "if and only if the endpoint has a secret"
        for variant in signing.variants.values():
            usual = " (default)" if variant.name == contract.default_signature and len(signing.variants) > 1 else ""
            yield f"signature `{variant.name}`{usual}", _said(variant)
        several = "both sign" if signing.separator is not None else "the old one signs until the grace has ended"
        yield "while a secret is rotated", several
    if contract.handshake is not None:
        yield "handshake", _handshake(contract.handshake)
    rules = profile.rules
    if rules.endpoints_per_tenant is not None:
        yield "endpoints of a tenant", f"at most {rules.endpoints_per_tenant}"
    if rules.on_create is not None:
        data = rules.on_create.data.decode()
        yield "a new endpoint begins with", f"an event of the type `{rules.on_create.event_type}`: `{data}`"
    if rules.tracked_set is not None:
        yield "tracked set", f"`{rules.tracked_set}`, unless the endpoint is given another, or none"
    if rules.https_only:
        yield "URL", "https only"
    if rules.one_channel:
        yield "channels", "exactly one"


def _handshake(handshake: Handshake) -> str:
    challenge = "a random text" if handshake.challenge == RANDOM else "who sends"
    case = ", in this case" if handshake.answer_case_sensitive else ""
    back = f"the {handshake.answer_in} `{handshake.answer_name}`{case}" if handshake.answer_name else "the body"
    return (
        f"{handshake.method} with {challenge} in the {handshake.challenge_in} `{handshake.challenge_name}`; the answer "
        f"has it in {back}"
    )


def _said(variant: Variant) -> str:
    exchanged = ", key and content exchanged" if variant.exchanged else ""
    prefix = f", after `{variant.prefix}`" if variant.prefix else ""
    return f"{variant.algorithm} in {variant.encoding}{prefix}{exchanged}"


# ── verifying ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _verifying(contract: Contract) -> Iterator[str]:
    if contract.signing is None:
        yield "\n## Verifying\n\nRequests are not signed. Give the endpoint credentials (`auth`), and check those.\n"
        return
    signed = signed_by(contract, contract.default_signature)
    yield "\n## Verifying\n\nThe body is what came, byte for byte, before anything parses it.\n\nPython:\n\n"
    yield f"```python\n{python_code(contract.name)}```\n"
    yield f"\n{_returned(contract)}\n"
    yield "\nJavaScript (`headers` with names in lower case, `body` a Buffer):\n\n"
    yield f"```js\n{javascript_code(signed)}```\n"
    yield f"\nA shell, with the body in `body.json`; {shell_prints(signed)}:\n\n"
    yield f"```sh\n{shell_code(signed)}```\n"


def _returned(contract: Contract) -> str:
    """What Python's `verify` gives and looks at, beside the signature."""
    signed = contract.signing.headers if contract.signing is not None else ()
    in_body = any(shape.event_id_path for _, shape in contract.profile.shapes)
    has_id = in_body or any(contract.header_of(slot) in signed for slot in ("event_id", "event_number"))
    known = (
        "`verify` returns the event's id, the same in every attempt: keep it to notice repetitions." if has_id else ""
    )
    time = "A request that is more than 300 s old, or ahead, is refused (`tolerance_s`)."
    timed = time if signed_time(contract) is not None else "The contract signs no time: an old request stays genuine."
    where = f"`ringback listen --profile {contract.name} --secret …` is such a receiver, for a try"
    return " ".join(filter(None, (known, timed, f"{where}{', handshake included' * contract.has_handshake}.")))
