"""The floor: below it nothing can become visible any more, whatever order transactions commit in."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ringback.store.postgres.arrivals import Numbers
from ringback.store.postgres.connection import Database
from ringback.store.postgres.floor import BLOCK, Floor
from ringback.store.postgres.session import Session
from support.postgres_ground import opened


@pytest.fixture
def database(ready_database: str) -> Iterator[Database]:
    with opened(ready_database) as database:
        yield database


def raised(database: Database, floor: Floor | None = None) -> int:
    with database.reading() as session:
        return (floor or database.floor).raised(session)


def test_nothing_was_drawn_yet(database: Database) -> None:
    assert raised(database) == 0


def test_what_was_drawn_and_is_over_lies_below_the_floor(database: Database) -> None:
    with database.writing() as session:
        drawn = Numbers(session).draw(3)
    assert drawn == [BLOCK, BLOCK + 1, BLOCK + 2]
    assert raised(database) == 2 * BLOCK - 1


def test_an_open_transaction_holds_the_floor_down_and_no_other_does(database: Database) -> None:
    with database.writing() as session:
        Numbers(session).draw(1)
    floor = raised(database)
    with database.writing() as slow, database.writing(hot=True) as bystander:
        (low,) = Numbers(slow).draw(1)
        bystander.change("UPDATE commit_check SET count = count + 1")
        with database.writing(hot=True) as quick:
            (high,) = Numbers(quick).draw(1)
        assert low < high
        assert raised(database) == floor
    assert raised(database) >= high


def test_who_drew_later_than_a_look_does_not_hold_that_look_down(database: Database) -> None:
    with database.writing(hot=True) as first:
        Numbers(first).draw(1)
        raised(database)
        with database.writing(hot=True) as second:
            (drawn,) = Numbers(second).draw(1)
            # `first` is open in the first look and in this one.
            assert raised(database) < BLOCK
        first.commit()
        first.begin()
    with database.writing(hot=True) as third:
        Numbers(third).draw(1)
        # Of the looks before, `third` was open in none: what had been drawn by the last of them is all over.
        assert raised(database) >= BLOCK
    assert raised(database) > drawn


def test_a_transaction_draws_ascending_and_keeps_the_rest_of_a_block(database: Database) -> None:
    with database.writing() as session:
        numbers = Numbers(session)
        drawn = [*numbers.draw(1), *numbers.draw(BLOCK + 5), *numbers.draw(0), *numbers.draw(3)]
        assert drawn == sorted(set(drawn))
        assert drawn[-1] < 4 * BLOCK


@pytest.mark.parametrize("seed", range(3))
def test_no_number_below_the_floor_ever_becomes_visible_later(database: Database, seed: int) -> None:
    """Transactions that begin, draw, commit and roll back in any order, with looks and reads between them."""
    chance = random.Random(seed)
    floor, visible, looks = 0, set[int](), 0
    with database.reading() as session:
        session.simple(b"CREATE TABLE drawn (number bigint)")
    with ExitStack() as stack:
        looker = stack.enter_context(database.reading())
        idle = [stack.enter_context(database.reading(hot=True)) for _ in range(4)]
        busy: list[Session] = []
        for _ in range(150):
            what = chance.choice(["begin", "end", "look"])
            if what == "begin" and idle:
                session = idle.pop()
                session.begin()
                for number in Numbers(session).draw(2):
                    session.change("INSERT INTO drawn VALUES (%(number)s)", {"number": number})
                busy.append(session)
            elif what == "end" and busy:
                session = busy.pop(chance.randrange(len(busy)))
                (session.commit if chance.random() < 0.7 else session.roll_back)()
                idle.append(session)
            elif what == "look":
                now = {number for (number,) in looker.rows("SELECT number FROM drawn")}
                assert not [number for number in now - visible if number <= floor]
                # What is read after a look is complete up to the floor that it gave.
                floor = database.floor.raised(looker)
                visible = {number for (number,) in looker.rows("SELECT number FROM drawn")}
                looks += floor > 0
        for session in busy:
            session.roll_back()
    assert looks > 10


def test_another_server_may_draw_numbers_again(database: Database) -> None:
    floor = Floor()
    with database.writing() as session:
        Numbers(session).draw(1)
    with database.reading() as session:
        assert floor.raised(session) == 2 * BLOCK - 1
        # As after a failover to a standby that had not got the last numbers.
        session.simple(b"ALTER SEQUENCE block RESTART WITH 1")
        session.server = "another one"
        assert floor.raised(session) == 0
