"""The model test as a state machine: operations that are drawn, done at the server and in the model, and compared.

Each example is a tenant of its own on one server. What differs is shrunk by Hypothesis to the fewest operations.
"""

import sys
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from support.record_draws import BATCHES, CURRENT, ENDPOINTS, IDS, LINES, PLAIN, POSTED, SETS, TRIGGERS, TYPES, WALKS
from support.record_model import Endpoint, Happened, Line, Trigger
from support.record_rules import FILTERS, OF_SCORES, Rule
from support.record_world import Tenant, World

PHASES: Final = (Phase.generate, Phase.shrink)
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
        self.last: Line | None = None

    @initialize(rule=st.sampled_from(OF_SCORES), trigger=TRIGGERS, filter=FILTERS, lines=st.lists(PLAIN, max_size=4))
    def begin(self, rule: Rule, trigger: Trigger, filter: Rule, lines: list[Line]) -> None:  # noqa: A002 - as drawn
        self.tenant.make_set(SETS[0])
        self.tenant.add_members(SETS[0], IDS[:1])
        self.tenant.make_endpoint(Endpoint(ordering="strict"))
        self.tenant.make_endpoint(Endpoint(ordering="subject", tracked_set=SETS[0]))
        self.tenant.make_endpoint(Endpoint(ordering="subject", filter=filter))
        self.tenant.make_trigger(Trigger("", TYPES[0], rule, "lead.hot"))
        self.tenant.make_trigger(trigger)
        self.write(lines)

    @rule(lines=st.lists(LINES, min_size=1, max_size=5))
    def write(self, lines: list[Line]) -> None:
        for line in lines:
            self.last = self._meant(line)
            self.tenant.write(self.last)

    @precondition(lambda self: self.last is not None)
    @rule()
    def write_again(self) -> None:
        """As callers do who got no answer."""
        if self.last is not None:
            self.tenant.write(self.last)

    @rule(lines=WALKS)
    def walk(self, lines: list[Line]) -> None:
        self.write(lines)

    @rule(lines=BATCHES)
    def write_batch(self, lines: list[Line]) -> None:
        self.tenant.write_batch([self._meant(line) for line in lines])

    @rule(event=POSTED)
    def post(self, event: Happened) -> None:
        self.tenant.post(event)

    @rule(verb=st.sampled_from(["add", "add", "remove", "delete"]), name=st.sampled_from(SETS), ids=_SOME_IDS)
    def follow(self, verb: str, name: str, ids: list[str]) -> None:
        if name not in self.model.sets:
            self.tenant.make_set(name)
        if verb == "add":
            self.tenant.add_members(name, ids)
        elif verb == "remove":
            self.tenant.remove_members(name, ids)
        else:
            self.tenant.delete_set(name)

    @rule(verb=st.sampled_from(["make", "change", "change", "delete"]), one=_ONE, trigger=TRIGGERS)
    def watch(self, verb: str, one: int, trigger: Trigger) -> None:
        names = sorted(self.model.triggers)
        if verb == "make" and len(names) < TRIGGERS_MAX:
            self.tenant.make_trigger(trigger)
        elif verb == "change" and names:
            self.tenant.change_trigger(_nth(names, one), trigger)
        elif verb == "delete" and names:
            self.tenant.delete_trigger(_nth(names, one))

    @rule(verb=st.sampled_from(["make", "make", "change", "change", "switch", "delete"]), one=_ONE, endpoint=ENDPOINTS)
    def listen(self, verb: str, one: int, endpoint: Endpoint) -> None:
        names = [name for name, known in self.model.endpoints.items() if not known.gone]
        if verb == "make" and len(names) < ENDPOINTS_MAX:
            self.tenant.make_endpoint(endpoint)
        elif verb == "change" and names:
            self.tenant.change_endpoint(_nth(names, one), endpoint)
        elif verb == "switch" and names:
            self.tenant.switch_endpoint(_nth(names, one))
        elif verb == "delete" and names:
            self.tenant.delete_endpoint(_nth(names, one))

    def teardown(self) -> None:
        if sys.exception() is None:  # else something differs already
            self.tenant.compare()

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
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
