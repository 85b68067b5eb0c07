"""An attempt as the API gives it, for `ringback.curl`: what was sent, and whether it is still kept."""

import base64
from typing import Any

from ringback.curl import SentRequest
from ringback.model.errors import BadSetting


def sent_request(attempt: dict[str, Any]) -> SentRequest:
    """What was sent. Raises BadSetting when nothing was, or when it isn't kept any more."""
    request = attempt["request"]
    if request is None:
        raise BadSetting("curl: nothing was sent in this attempt.")
    if body_is_gone(request):
        raise BadSetting("curl: the request's body is not kept any more, so it can't be sent again.")
    headers = [(name, value) for name, value in request["headers"]]
    return SentRequest(request["method"], request["url"], headers, request_body(request))


def request_body(request: dict[str, Any]) -> bytes:
    """The bytes of a body as the API gives it; none of one that is not kept any more (`body_is_gone`)."""
    encoded = request.get("body_base64")
    if encoded is not None:
        return base64.b64decode(encoded)
    return (request["body"] or "").encode("utf-8", "surrogatepass")


def body_is_gone(request: dict[str, Any]) -> bool:
    """Whether there was a body that is not kept any more: removed for privacy, or its event is past its time."""
    return request.get("body_base64") is None and request["body"] is None
