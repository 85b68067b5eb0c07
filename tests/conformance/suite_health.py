"""What every store does to prove that it works."""

from ringback.store.port import Store


class TestHealth:
    def test_a_store_that_works_says_so_and_changes_nothing(self, store: Store) -> None:
        store.check()
        store.check()
        assert (store.version(), store.nodes()) == (0, [])
