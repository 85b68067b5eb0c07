"""What a log may show of an exception. Loads nothing but the model, so that every process can use it."""

import traceback

from ringback.model.errors import RingbackError


def describe_error(error: BaseException) -> tuple[str, str]:
    """(what, where) of an exception, fit for a log: its type, or code and detail if it is our own; file and line."""
    what = f"{error.code}: {error.detail}" if isinstance(error, RingbackError) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    return what, f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
