"""The model test as a state machine: operations that are drawn, done at the server and in the model, and compared.

Each example is a tenant of its own on one server. What differs is shrunk by Hypothesis to the fewest operations.
"""

import sys
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from support.record_draws import BATCHES, CURRENT, ENDPOINTS, IDS, LINES, PLAIN, POSTED, SETS, TRIGGERS
from support.record_model import Endpoint, Happened, Line, Trigger
from support.record_world import Tenant, World

ENDPOINTS_MAX: Final = 5
TRIGGERS_MAX: Final = 4
_ONE: Final = st.integers(0, 59)
_SOME_IDS: Final = st.lists(st.sampled_from(IDS), unique=True, min_size=1)


class RecordMachine(RuleBasedStateMachine):
    """`world` is set before it runs."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.tenant = Tenant(self.world)
        self.model = self.tenant.model

    @initialize(trigger=TRIGGERS, lines=st.lists(PLAIN, min_size=3, max_size=6))
    def begin(self, trigger: Trigger, lines: list[Line]) -> None:
        self.tenant.make_endpoint(Endpoint(ordering="strict"))
        self.tenant.make_endpoint(Endpoint(ordering="subject"))
        self.tenant.make_trigger(trigger)
        for line in lines:
            self.tenant.write(line)

    @rule(lines=st.lists(LINES, min_size=1, max_size=5))
    def write(self, lines: list[Line]) -> None:
        for line in lines:
            self.tenant.write(self._meant(line))

    @rule(lines=BATCHES)
    def write_batch(self, lines: list[Line]) -> None:
        self.tenant.write_batch([self._meant(line) for line in lines])

    @rule(event=POSTED)
    def post(self, event: Happened) -> None:
        self.tenant.post(event)

    @rule(name=st.sampled_from(SETS), ids=_SOME_IDS)
    def follow(self, name: str, ids: list[str]) -> None:
        if name not in self.model.sets:
            self.tenant.make_set(name)
        self.tenant.add_members(name, ids)

    @precondition(lambda self: self.model.sets)
    @rule(one=_ONE, ids=_SOME_IDS)
    def unfollow(self, one: int, ids: list[str]) -> None:
        self.tenant.remove_members(_nth(sorted(self.model.sets), one), ids)

    @precondition(lambda self: self.model.sets)
    @rule(one=_ONE)
    def delete_set(self, one: int) -> None:
        self.tenant.delete_set(_nth(sorted(self.model.sets), one))

    @precondition(lambda self: len(self.model.triggers) < TRIGGERS_MAX)
    @rule(trigger=TRIGGERS)
    def make_trigger(self, trigger: Trigger) -> None:
        self.tenant.make_trigger(trigger)

    @precondition(lambda self: self.model.triggers)
    @rule(one=_ONE, other=TRIGGERS)
    def change_trigger(self, one: int, other: Trigger) -> None:
        self.tenant.change_trigger(_nth(sorted(self.model.triggers), one), other)

    @precondition(lambda self: self.model.triggers)
    @rule(one=_ONE)
    def delete_trigger(self, one: int) -> None:
        self.tenant.delete_trigger(_nth(sorted(self.model.triggers), one))

    @precondition(lambda self: len(self._endpoints()) < ENDPOINTS_MAX)
    @rule(endpoint=ENDPOINTS)
    def make_endpoint(self, endpoint: Endpoint) -> None:
        self.tenant.make_endpoint(endpoint)

    @precondition(lambda self: self._endpoints())
    @rule(one=_ONE, other=ENDPOINTS)
    def change_endpoint(self, one: int, other: Endpoint) -> None:
        self.tenant.change_endpoint(_nth(self._endpoints(), one), other)

    @precondition(lambda self: self._endpoints())
    @rule(one=_ONE)
    def switch_endpoint(self, one: int) -> None:
        self.tenant.switch_endpoint(_nth(self._endpoints(), one))

    @precondition(lambda self: self._endpoints())
    @rule(one=_ONE)
    def delete_endpoint(self, one: int) -> None:
        self.tenant.delete_endpoint(_nth(self._endpoints(), one))

    def teardown(self) -> None:
        if sys.exception() is None:  # else something differs already
            self.tenant.compare()

    def _endpoints(self) -> list[str]:
        return [name for name, endpoint in self.model.endpoints.items() if not endpoint.gone]

    def _meant(self, line: Line) -> Line:
        """With the revision that the record has, where that is what is drawn."""
        if line.revision != CURRENT:
            return line
        stored = self.model.records.get((line.type, line.id))
        return line._replace(revision=stored.revision if stored is not None and stored.data is not None else 0)


def _nth(names: Sequence[str], number: int) -> str:
    return names[number % len(names)]


def run(world: World, number: int, examples: int, steps: int) -> None:
    """Draw and compare so many examples. The same `number` draws the same. Raises AssertionError."""
    machine: Callable[[], RecordMachine] = seed(number)(type("Machine", (RecordMachine,), {"world": world}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
