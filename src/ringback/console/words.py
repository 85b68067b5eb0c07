"""What things are called where a profile's document has words of its own."""

from typing import Final, NamedTuple

SITEFINITY_INSIGHT: Final = "sitefinity-insight"


class Words(NamedTuple):
    """`channel`: what channels are; `in_channel` is said where a webhook has one."""

    channel: str
    channels_hint: str
    url: str = "Send data to URL"
    create: str = "Create a webhook"
    create_button: str = "Create this hook"


_USUAL: Final = Words("Channel", "One a line; empty for events of every channel and of none.")
_OF_PROFILES: Final = {
    SITEFINITY_INSIGHT: Words("Data center", "The data center whose events it gets: exactly one."),
}


def words_of(profile: str) -> Words:
    """The words for webhooks of a profile, or for the tenant that has it as its default."""
    return _OF_PROFILES.get(profile, _USUAL)
