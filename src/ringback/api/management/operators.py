"""Routes of operators, who sign in at the console by name and password. For admins. Thin: parse, ask `control`, answer.

A password goes in and never comes out.
"""

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Input
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.operators import OperatorUseCases
from ringback.model.console import Operator
from ringback.model.tenant import Scope
from ringback.times import rfc3339

_PASSWORD = Field(description="12 to 256 characters; a few words that nobody would guess are good.")


class NewOperator(Input):
    """An operator to be made."""

    name: str = Field(description="What they sign in with: 1 to 64 visible characters.", examples=["ada"])
    password: str = _PASSWORD


class NewPassword(Input):
    """Another password for an operator."""

    password: str = _PASSWORD


class OperatorView(BaseModel):
    id: str
    name: str
    created_at: str
    password_changed_at: str

    @classmethod
    def of(cls, operator: Operator) -> "OperatorView":
        return cls(
            id=operator.id,
            name=operator.name,
            created_at=rfc3339(operator.created_at),
            password_changed_at=rfc3339(operator.changed_at),
        )


def operator_routers(operators: OperatorUseCases, authenticator: Authenticator) -> list[APIRouter]:
    """`/v1/operators`."""
    router = APIRouter(prefix="/v1/operators", tags=["operators"], route_class=guarded(Scope.ADMIN, authenticator))

    @router.post("", status_code=201, summary="Add an operator, who signs in at the console")
    def create_operator(body: NewOperator) -> OperatorView:
        return OperatorView.of(operators.create(body.name, body.password))

    @router.get("", summary="List operators, by name")
    def list_operators(page: PageParameters) -> Listing[OperatorView]:
        return listing(operators.list(page), OperatorView.of)

    @router.put("/{operator_id}/password", status_code=204, summary="Change an operator's password; signs them out")
    def change_operator_password(operator_id: str, body: NewPassword) -> Response:
        operators.change_password(operator_id, body.password)
        return Response(status_code=204)

    @router.delete("/{operator_id}", status_code=204, summary="Delete an operator; signs them out")
    def delete_operator(operator_id: str) -> Response:
        operators.delete(operator_id)
        return Response(status_code=204)

    return [router]
