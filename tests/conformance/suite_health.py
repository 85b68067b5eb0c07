"""What every store does to prove that it works."""

from conformance.backend import Backend
from ringback.store.port import Store


class TestHealth:
    def test_a_store_that_works_says_so_and_changes_nothing(self, store: Store) -> None:
        store.check()
        store.check()
        assert (store.version(), store.nodes()) == (0, [])

    def test_what_it_doesnt_promise_now_it_says_in_sentences(self, store: Store, backend: Backend) -> None:
        store.check()
        cautions = store.cautions()
        assert all(caution.endswith(".") and caution[0].isupper() for caution in cautions)
        if backend.sole:  # one file, or one process: what it promises doesn't depend on another machine
            assert list(cautions) == []
