"""A test for each operation of the API's document, which schemathesis makes when it runs.

Schemathesis's own way makes all of them when they are collected, in every worker of a run, and gives them all the same
node id, by which a worker finds the first one only.
"""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.filters import HasAPIOperation

from support.api_document import document


def contract(examples: int, *, coverage: bool = True) -> Any:
    """The document for so many examples of each operation, the same in each run."""
    config = SchemathesisConfig()
    project = config.projects.get_default()
    project.generation.update(max_examples=examples, deterministic=True, database="none")
    project.checks.negative_data_rejection.expected_statuses.append("413")
    project.checks.positive_data_acceptance.expected_statuses.append("412")
    project.phases.coverage.enabled = coverage
    return schemathesis.openapi.from_dict(document(), config=config)


def stateless(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class EachOperation:
    """Keeps a contract to the operation that the running test is about."""

    def __init__(self) -> None:
        self._now = ""

    def of(self, contract: Any, request: pytest.FixtureRequest) -> Any:
        """The contract for a test whose parameter is an operation such as `GET /v1/tenants`."""
        self._now = request.param
        request.node._nodeid = request.node.nodeid  # schemathesis 4.32 reads what pytest 9.2 doesn't have any more
        return contract

    def parametrize(self, fixture: str) -> Callable[[Any], Any]:
        """Like that of schemathesis; `fixture` gives the contract and has the operations as its parameters."""
        test: Callable[[Any], Any] = schemathesis.pytest.from_fixture(fixture).include(self._is_now).parametrize()
        return test

    def _is_now(self, context: HasAPIOperation) -> bool:
        return f"{context.operation.method.upper()} {context.operation.path}" == self._now


EACH = EachOperation()
