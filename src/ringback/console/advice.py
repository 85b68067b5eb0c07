"""What went wrong in a run, in words for whoever owns the receiver: what it means, and what to do about it.

The codes are those of docs/errors.md, where operators find more; a test holds the two together.
"""

from typing import Final, NamedTuple

from ringback.model.attempt import Attempt, Outcome

CODES: Final = {
    "timeout": (
        "The receiver took too long. It may have the request all the same.",
        "Answer first and do the work afterwards, or give the webhook more time (at most 20 seconds).",
    ),
    "connect_failed": (
        "No connection could be made.",
        "Check that the receiver is running, and that its port can be reached from outside.",
    ),
    "dns_failed": ("The name in the URL could not be looked up.", "Check the URL for a typing mistake, then the name."),
    "tls_failed": (
        "The certificate is not valid, or the secure connection failed.",
        "Renew the certificate, and have the receiver send its intermediate certificates too.",
    ),
    "blocked_address": (
        "The URL leads to an address where nothing may be sent. Nothing was sent.",
        "Point the name to a public address.",
    ),
    "blocked_request": (
        "The URL or a header can't be used as it is. Nothing was sent.",
        "Correct the webhook, or ask whoever runs this Ringback to allow it.",
    ),
    "bad_status": ("The receiver answered with an error.", "See below what it answered."),
    "gone": (
        "The receiver answered 410: nobody is there any more. The webhook was disabled.",
        "Activate it again if that was a mistake.",
    ),
    "redirect": ("The receiver answered with a redirect. These are not followed.", "Enter the new URL at the webhook."),
    "headers_too_large": ("The receiver's headers are over 32 KiB.", "Have it answer with fewer."),
    "bad_response": ("What came back is not HTTP.", "Check the port in the URL."),
    "connection_lost": (
        "The connection broke before the answer was there. The receiver may have the request all the same.",
        "Look into the receiver's log.",
    ),
    "secret_unreadable": (
        "A stored secret can't be read. Nothing was sent, and the webhook was disabled.",
        "Rotate the secret, or enter the credentials again. Then activate the webhook.",
    ),
    "profile_missing": (
        "The webhook's profile is not there any more. Nothing was sent, and the webhook was disabled.",
        "Choose another profile, then activate the webhook.",
    ),
    "cancelled": ("Nothing more is sent: the webhook was deleted, or the payload removed.", ""),
    "expired": (
        "It was still waiting when the time ended for which events are kept.",
        "Was the webhook switched off all that time?",
    ),
    "aborted": ("Ringback broke the request off, as when it is stopped.", "Nothing: it is sent again by itself."),
}

_STATUSES: Final = {
    400: "It doesn't understand the request. Compare what was sent with what it expects.",
    401: "It doesn't accept the credentials. Check the webhook's authentication, and the secret that the receiver has.",
    403: "It doesn't let us in. Check the webhook's authentication, and whether a firewall is in between.",
    404: "There is nothing at this URL. Check it.",
    405: "It doesn't take POST at this URL. Check it.",
    408: "It waited too long for the request.",
    413: "The request is too large for it. Raise its limit.",
    415: "It doesn't take this kind of content.",
    422: "It doesn't accept what is in the request. What it answered may say why.",
    429: "It has too much to do. Ringback slows down by itself; a lower rate at the webhook prevents it.",
    502: "A proxy before the receiver can't reach it.",
    503: "It is overloaded or down for now.",
    504: "A proxy before the receiver waited for it in vain.",
}


class Advice(NamedTuple):
    """`means` says what happened, `act` what to do ("": nothing)."""

    means: str
    act: str


def advice_on(attempt: Attempt) -> Advice | None:
    """None: there is nothing to say."""
    if attempt.outcome == Outcome.SUCCEEDED or attempt.error_code is None:
        return None
    means, act = CODES.get(attempt.error_code, ("It failed.", ""))
    if attempt.error_code == "bad_status" and attempt.status_code is not None:
        return Advice(f"The receiver answered {attempt.status_code}.", _of_status(attempt.status_code))
    return Advice(means, act)


def _of_status(status: int) -> str:
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return "Something broke inside the receiver. Look into its log at this time."
    return CODES["bad_status"][1]
