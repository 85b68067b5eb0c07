"""How the URL of a store is shown: never with anything that could be a password, whatever is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.model.store_url import is_postgresql, shown_url

PASSWORD = "lovelace"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a/ringback.db", "sqlite:///a/ringback.db"),
        ("postgresql://db/ringback", "postgresql://db/ringback"),
        ("postgresql:///ringback?host=/run/postgresql", "postgresql:///ringback?host=/run/postgresql"),
        ("postgresql://ada@db:5432/ringback", "postgresql://ada@db:5432/ringback"),
        ("postgres://ada:lovelace@db/ringback", "postgres://ada:***@db/ringback"),
        ("postgresql://ada:love@lace/l?o@db/ringback", "postgresql://ada:***@db/ringback"),
        ("postgresql://:lovelace@db/ringback", "postgresql://:***@db/ringback"),
        ("postgresql://db/ringback?user=ada&password=lovelace", "postgresql://db/ringback?user=ada&password=***"),
        (
            "postgresql://db/r?sslmode=require&pass%77ord=lovelace&sslpassword=lovelace",
            "postgresql://db/r?sslmode=require&pass%77ord=***&sslpassword=***",
        ),
        ("postgresql://one:1,two:2/r?target_session_attrs=any", "postgresql://one:1,two:2/r?target_session_attrs=any"),
        ("ada:lovelace@db", "***"),
    ],
)
def test_it_shows_what_helps_and_no_more(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@given(before=st.text("ab:/?&=#%", max_size=6), after=st.text("ab/?&=#%.,", max_size=6))
def test_no_password_before_the_last_at_is_ever_shown(before: str, after: str) -> None:
    assert PASSWORD not in shown_url(f"postgresql://ada:{before}{PASSWORD}{after}@db/ringback")


def test_which_urls_are_postgresqls() -> None:
    assert [is_postgresql(url) for url in ("postgres://a", "postgresql://a", "sqlite:///a", None)] == [
        True,
        True,
        False,
        False,
    ]
