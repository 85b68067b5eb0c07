"""What is wrong with a request, collected: all fields at once, so that a caller mends them in one go.

Also the checks that several use cases share: labels and other text that is shown or indexed. Never says what a
field contained: it may be a credential.
"""

from ringback.model.errors import FieldError, Invalid
from ringback.model.text import wrong_with


class Findings:
    """Field errors so far. `field` is a dotted path such as `retry.delays_s[0]`."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        """One more thing that is wrong; `message` goes on from the field's name: "must be …"."""
        self._errors.append(FieldError(field, message))

    @property
    def found(self) -> tuple[FieldError, ...]:
        """What was found until now."""
        return tuple(self._errors)

    def raise_if_any(self) -> None:
        """Raise Invalid with everything that was found."""
        if not self._errors:
            return
        first = self._errors[0]
        others = len(self._errors) - 1
        rest = f" And {others} more: see errors." if others else ""
        raise Invalid(f"{first.field} {first.message}.{rest}", self._errors)

    def text(self, field: str, value: str, *, empty: bool) -> str:
        """Text that is shown or indexed: at most 256 bytes, no control characters, not empty unless `empty`."""
        for message in wrong_with(value, empty=empty):
            self.add(field, message)
        return value

    def number(self, field: str, value: float, lowest: float, highest: float, unit: str) -> float:
        """A finite number of `unit` from `lowest` to `highest`."""
        if not lowest <= value <= highest:
            self.add(field, f"must be from {lowest:,.12g} to {highest:,.12g} {unit}")
        return value
