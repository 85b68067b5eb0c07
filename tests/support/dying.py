"""A server that kills itself with SIGKILL at one place: `Server(…, inside=dying_at(PLACE))`.

Run as a program, it takes the place and then a whole command that starts a server, and is that server. So what a crash
leaves behind can be told to the line, which a kill from outside can't.
"""

import os
import signal
import sys
from typing import Final

from ringback.cli.main import main
from ringback.ingest.notices import NoticeEvents
from ringback.store.sqlite import SqliteStore

BEFORE_THE_EVENT: Final = "before-the-event"
"""A notice is read, and no event was made of it yet."""
AFTER_THE_EVENT: Final = "after-the-event"
"""The event of a notice is stored, and the notice is not removed yet."""


def dying_at(place: str) -> list[str]:
    """What goes before the command of a server."""
    # -P: what stands beside this file is not to be taken for modules of Python's own.
    return [sys.executable, "-P", __file__, place]


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _serve(place: str, arguments: list[str]) -> None:
    if place == BEFORE_THE_EVENT:
        NoticeEvents._have_stored = _die  # type: ignore[method-assign]
    else:
        SqliteStore.drop_notices = _die  # type: ignore[method-assign]
    main(arguments)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[sys.argv.index("serve") :])
