"""Profiles for tests: the standard one's text under another name and with other words."""

from importlib.resources import files

from ringback.wire.contract import Contract
from ringback.wire.profile import check_profile

_STANDARD = (files("ringback.wire") / "profiles" / "standard.toml").read_text("utf-8")


def profile_text(name: str = "own", **replaced: str) -> str:
    """A profile that differs from `standard` in its name and its headers, which are `x-NAME-…`.

    `replaced` are texts by what takes their place: `variant="v9"` writes `v9` for every `v1`.
    """
    text = _STANDARD.replace('name = "standard"', f'name = "{name}"').replace("\nwebhook-", f"\nx-{name}-")
    if variant := replaced.get("variant"):
        text = text.replace('default = "v1"', f'default = "{variant}"').replace("variants.v1]", f"variants.{variant}]")
    if prefix := replaced.get("prefix"):
        text = text.replace('prefix = "v1,"', f'prefix = "{prefix}"')
    return text


def without_variant(text: str, variant: str) -> str:
    """The text without one of its signatures, which is not its default."""
    head, _, rest = text.partition(f"[signature.variants.{variant}]")
    return head + "[delivery]" + rest.partition("[delivery]")[2]


def contract(name: str = "own", **replaced: str) -> Contract:
    """The contract of such a text."""
    return check_profile(profile_text(name, **replaced), name)
