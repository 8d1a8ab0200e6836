"""Checks of a message's fields before it is sent: the server's own (schemas/order-message.schema.json)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeGuard

from courier_client.errors import NOTHING_SENT, FieldFault, InvalidMessage

INTEGER_DIGITS_MAX = 12
FRACTION_DIGITS_MAX = 8
CONID_MAX = 2**31 - 1

_IDS = {
    "user_id": (re.compile(r"[!-~]{1,128}"), "1 to 128 visible ASCII characters, without spaces"),
    "order_id": (re.compile(r"[A-Za-z0-9_-]{1,36}"), "1 to 36 of A-Z a-z 0-9 _ -"),
    "algorithm_id": (re.compile(r"[A-Za-z0-9_.-]{1,64}"), "1 to 64 of A-Z a-z 0-9 _ - ."),
    "account_id": (re.compile(r"[A-Za-z0-9_-]{1,24}"), "1 to 24 of A-Z a-z 0-9 _ -"),
}
_WORD = re.compile(r"(?! )[A-Za-z0-9 ./'_@-]{1,32}(?<! )")
# The wire's grammar, schemas/order-message.schema.json: `amount`.
_WRITTEN_AMOUNT = re.compile(rf"(?=.*[1-9])[0-9]{{1,{INTEGER_DIGITS_MAX}}}(\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?")
_BOUNDS = f"at most {INTEGER_DIGITS_MAX} digits before the point and {FRACTION_DIGITS_MAX} after it"


class Faults:
    """Collects every fault of a message, so that one reading names them all."""

    def __init__(self) -> None:
        self._found: list[FieldFault] = []

    def add(self, field: str, message: str) -> None:
        """Record that `field` is wrong."""
        self._found.append(FieldFault(field, message))

    def raise_any(self, undone: str = NOTHING_SENT) -> None:
        """Raise `InvalidMessage` if anything was recorded. `undone` says what did not happen."""
        if self._found:
            raise InvalidMessage(self._found, undone)

    def identifier(self, field: str, value: object) -> None:
        """Check one of the four ids by its field's name."""
        pattern, words = _IDS[field]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            self.add(field, f"must be {words}, not {_shown(value)}")

    def word(self, field: str, value: object) -> None:
        """Check a word of a contract."""
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            self.add(field, f"must be 1 to 32 of A-Z a-z 0-9 space . - / ' _ @, not {_shown(value)}")

    def symbol(self, field: str, value: object) -> None:
        """Check a symbol: a word in capitals. The broker finds no stock by another spelling."""
        if isinstance(value, str) and _WORD.fullmatch(value) and value != value.upper():
            self.add(field, f"must be written in capitals: {_shown(value.upper())}, not {_shown(value)}")
        else:
            self.word(field, value)

    def kind(self, field: str, value: object, kind: type, written: str) -> bool:
        """Check that the value is of this class of the package; whether it is."""
        if isinstance(value, kind):
            return True
        self.add(field, f"must be {written}, not {_shown(value)}")
        return False

    def choice(self, field: str, value: object, choices: tuple[str, ...]) -> None:
        """Check that the value is one of the contract's words."""
        if value not in choices:
            self.add(field, f"must be {', '.join(choices[:-1])} or {choices[-1]}, not {_shown(value)}")

    def boolean(self, field: str, value: object) -> None:
        """Check that the value is true or false."""
        if not isinstance(value, bool):
            self.add(field, f"must be True or False, not {_shown(value)}")

    def whole_number(self, field: str, value: object, at_least: int, at_most: int) -> None:
        """Check a whole number and its bounds."""
        if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= at_most:
            self.add(field, f"must be a whole number from {at_least} to {at_most}, not {_shown(value)}")

    def amount(self, field: str, value: object) -> None:
        """Check a decimal or whole number greater than zero. Floats are refused: 0.1 as a float is not 0.1.

        `read_texts` has read the texts that are amounts, so a text that comes here is refused.
        """
        if isinstance(value, float):
            self.add(field, f'is a float, which is not exact: write Decimal("{value!r}"), not {value!r}')
        elif isinstance(value, str):
            self.add(field, f'must be a decimal greater than zero, written as "187.50": {_BOUNDS}, not {_shown(value)}')
        elif not is_amount(value):
            self.add(field, f'must be a Decimal, such as Decimal("187.50"), or a whole number, not {_shown(value)}')
        elif not (amount := Decimal(value)).is_finite() or amount <= 0:
            self.add(field, f"must be greater than zero, not {value}")
        else:
            self._digits(field, amount)

    def time(self, field: str, value: object) -> None:
        """Check a time that says where on Earth it is meant."""
        if not isinstance(value, datetime):
            self.add(field, f"must be a datetime with a time zone, not {_shown(value)}")
        elif value.utcoffset() is None:
            self.add(field, "has no time zone: write datetime(…, tzinfo=UTC)")

    def _digits(self, field: str, value: Decimal) -> None:
        whole, _, fraction = written_amount(value).partition(".")
        if len(whole) > INTEGER_DIGITS_MAX or len(fraction) > FRACTION_DIGITS_MAX:
            made_of_float = (
                ": was it made from a float? Decimal(0.1) is not Decimal('0.1')" if len(fraction) > 20 else ""
            )
            self.add(field, f"must have {_BOUNDS}, not {_shown(str(value))}{made_of_float}")


def read_texts(message: object, *fields: str) -> None:
    """Keep each text that the wire takes for an amount as its decimal, so that equal amounts are equal.

    Any other text stays as it is, and `Faults.amount` refuses it.
    """
    for field in fields:
        value = getattr(message, field)
        if isinstance(value, str) and _WRITTEN_AMOUNT.fullmatch(value):
            # The message is being built, and frozen only afterwards.
            object.__setattr__(message, field, Decimal(value))


def comparable(price: object) -> Decimal | None:
    """The price as a number; None: there is none, or it is no number, which its own check tells."""
    number = Decimal(price) if is_amount(price) else None
    return number if number is not None and number.is_finite() else None


def is_amount(value: object) -> TypeGuard[Decimal | int]:
    """Whether this is of a type that is exact. True and False are no numbers here."""
    return isinstance(value, Decimal | int) and not isinstance(value, bool)


def written_amount(amount: Decimal | int | str) -> str:
    """Write an amount as the contract wants it, without an exponent.

    Zeros at the end are left out, so that equal amounts are the same text.
    """
    text = format(Decimal(amount), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def written_time(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 64 else shown[:64] + "…"
