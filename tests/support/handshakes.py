"""Handshakes that no published contract has: the tables of two profiles that only tests know.

Their patience is short, so that a test can see it end.
"""

from typing import Final

_ERRORS: Final = "".join(
    f"""
[handshake.errors.{reason}]
code = "test_{reason}"
message = "The answer is {reason}."
"""
    for reason in ("unreachable", "missing", "empty", "malformed", "different")
)

POST_IN_BODY: Final = f"""
[handshake]
method = "POST"
challenge = "random"
challenge_in = "body"
challenge_name = "challenge"
answer_in = "body"
answer_name = "challenge"
answer_case = "any"
answer_status = "2xx"
retry_for_s = 0
deadline_s = 5
{_ERRORS}"""

GET_IN_QUERY: Final = f"""
[handshake]
method = "GET"
challenge = "random"
challenge_in = "query"
challenge_name = "hub.challenge"
answer_in = "body"
answer_case = "any"
answer_status = "2xx"
retry_for_s = 2
deadline_s = 5
{_ERRORS}"""
