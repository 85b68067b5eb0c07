"""What a store raises, whatever its driver raises. Whoever calls a store tells them apart."""

from ringback.model.errors import RingbackError, Unavailable


class StoreUnavailable(Unavailable):
    """The store can't answer or can't commit now: busy, gone, read-only or its disk is full. Nothing was changed."""

    code = "store_unavailable"


class CommitInDoubt(Unavailable):
    """A COMMIT whose answer was lost: it may have happened or not, and nobody can tell for now."""

    code = "commit_in_doubt"


class BadRow(RingbackError):
    """The store refuses a value in the batch, and would refuse it again. Nothing was changed."""

    code = "bad_row"


class Retryable(Unavailable):
    """A deadlock or a conflict with a transaction at the same time. Nothing was changed; try the same again."""

    code = "retryable"


class NotOwner(RingbackError):
    """This node's row is gone: another has taken its lanes over. Nothing was changed."""

    code = "not_owner"
