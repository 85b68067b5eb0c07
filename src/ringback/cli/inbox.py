"""What a local receiver makes of each request: keeps count, checks the signature, picks the answer, passes it on.

Used by `ringback listen` and `ringback up`. Checks only when it has secrets; a request that fails the check is
answered like any other, since what is wanted here is to see it. Who asks for a handshake of the profile gets it, and
none of the answers in turn. Shows what senders wrote only with control
characters escaped, which a terminal would obey.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.cli.profile_named import profile_named
from ringback.cli.receiver import Answer, Request
from ringback.clock import Clock
from ringback.model.errors import BadSetting
from ringback.model.text import harmless
from ringback.times import rfc3339
from ringback.wire.handshake_answer import answer_to
from ringback.wire.signature import BadSecret
from ringback.wire.verify import VerificationFailed, verify

SHOWN_BODY_CHARS: Final = 400


class Seen(NamedTuple):
    """One request as it is shown and kept. `verified` is None when there was no secret to check with, and of a
    `handshake`, which is never signed."""

    at: str
    request: Request
    verified: bool | None
    complaint: str | None
    status: int
    handshake: bool = False

    def as_json(self) -> str:
        """One line: `{"at","method","path","headers","body","verified"}`."""
        request = self.request
        return json.dumps(
            {
                "at": self.at,
                "method": request.method,
                "path": request.path,
                "headers": request.headers,
                "body": request.body.decode("utf-8", "replace"),
                "verified": self.verified,
            }
        )

    def as_text(self) -> str:
        """Two lines for people: what came and how it was answered; the body, shortened."""
        request = self.request
        mark = {None: "signature not checked", True: "signature ✓", False: f"signature ✗ {self.complaint}"}[
            self.verified
        ]
        mark = "handshake" if self.handshake else mark
        head = f"{self.at[11:23]}  {request.method} {request.path}  {mark}  → {self.status}"
        body = request.body.decode("utf-8", "replace")
        cut = f"… ({len(request.body)} bytes)" if len(body) > SHOWN_BODY_CHARS else ""
        return harmless(head) + (f"\n    {harmless(_on_one_line(body[:SHOWN_BODY_CHARS]))}{cut}" if body else "")


class SignatureCheck:
    """Checks requests against secrets of one profile; none given, it can't tell. Raises BadSetting,
    ProfileFileUnusable when made."""

    def __init__(self, profile: str, secrets: Sequence[str]) -> None:
        self.contract: Final = profile_named(profile)
        try:
            for secret in secrets:
                self.contract.check_verifying_secret(secret)
        except BadSecret as error:
            raise BadSetting(f"secret: {error}") from None
        self.secrets = tuple(secrets)

    def __call__(self, request: Request, now_s: float) -> tuple[bool | None, str | None]:
        """(True, None), or (False, why not), or (None, None) without a secret."""
        if not self.secrets:
            return None, None
        try:
            verify(request.headers, request.body, self.secrets, now_s, contract=self.contract)
        except VerificationFailed as error:
            return False, error.detail
        return True, None


class Inbox:
    """The receiver's handler. `answers` are given in turn to what is delivered, the last one from then on; `show` gets
    every request. A handshake of the profile is answered with what it asks for, as late as anything else.

    After `requests_max` requests (None: never), handshakes too, `on_full` is called once; requests beyond are answered
    all the same.
    """

    def __init__(
        self,
        answers: Sequence[Answer],
        check: SignatureCheck,
        show: Callable[[Seen], None],
        clock: Clock,
        *,
        requests_max: int | None = None,
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self.check = check
        self.count = 0
        self._answers = deque(answers)
        self._show = show
        self._clock = clock
        self._requests_max = requests_max
        self._on_full = on_full

    def __call__(self, request: Request) -> Answer:
        now_ms = self._clock.now_ms()
        self.count += 1
        answer = self._proof(request)
        if answer is not None:
            self._show(Seen(rfc3339(now_ms), request, None, None, answer.status, handshake=True))
        else:
            answer = self._answers[0] if len(self._answers) == 1 else self._answers.popleft()
            verified, complaint = self.check(request, now_ms / 1000)
            self._show(Seen(rfc3339(now_ms), request, verified, complaint, answer.status))
        if self.count == self._requests_max:
            self._on_full()
        return answer

    def _proof(self, request: Request) -> Answer | None:
        """The answer to a handshake, as late and with the same headers as any other; None: it is none."""
        proof = answer_to(self.check.contract, request.method, request.path, request.headers, request.body)
        if proof is None:
            return None
        usual = self._answers[0]
        return Answer(200, proof.body, (*proof.headers, *usual.headers), usual.delay_s)


def _on_one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
