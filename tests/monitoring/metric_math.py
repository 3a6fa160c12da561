"""The part of CloudWatch's metric math that the alarms and the dashboard use.

By "Using math expressions with CloudWatch metrics" in the CloudWatch user guide: in arithmetic and
in comparisons, a missing value counts as 0 if the other time series has one.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

from tests.monitoring.metrics import Series

Value: TypeAlias = Series | float

_OPERATORS: Final[Mapping[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.And: lambda left, right: bool(left and right),
    ast.Or: lambda left, right: bool(left or right),
}


def evaluate(expression: str, series: Mapping[str, Series], *, fills_empty: bool = True) -> Value:
    """Return what *expression* makes of *series*, by id.

    AWS does not document how FILL treats a metric without any value: with *fills_empty* it is
    filled, otherwise it stays empty. Raises `ValueError` for what is not supported.
    """
    return _Evaluation(series, fills_empty=fills_empty).value(_parsed(expression))


@cache
def _parsed(expression: str) -> ast.expr:
    # Its operators, functions and precedence are Python's, but for the case of AND and OR.
    python = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), expression)
    return ast.parse(python, mode="eval").body


class _Evaluation:
    def __init__(self, series: Mapping[str, Series], *, fills_empty: bool) -> None:
        self._series = series
        self._fills_empty = fills_empty

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return self._series[name]
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _combined(_quotient, self.value(left), self.value(right))
            case ast.BinOp(left=left, op=op, right=right):
                return _combined(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _combined(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[left, right]):
                return _combined(_OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._function(name, [self.value(argument) for argument in args])
        raise ValueError(f"not supported: {ast.unparse(node)}")

    def _function(self, name: str, arguments: list[Value]) -> Value:
        match name, arguments:
            case "FILL", [tuple() as series, float() | int() as filler]:
                if not self._fills_empty and set(series) == {None}:
                    return series
                return tuple(filler if value is None else value for value in series)
            case "RUNNING_SUM", [tuple() as series]:
                sums = accumulate(value or 0 for value in series)
                return tuple(
                    None if value is None else total
                    for value, total in zip(series, sums, strict=True)
                )
            case "IF", [tuple() as condition, yes, no]:
                return tuple(
                    _chosen(is_true, _at(yes, position), _at(no, position))
                    for position, is_true in enumerate(condition)
                )
        raise ValueError(f"not supported: {name} of {len(arguments)} arguments")


def _combined(function: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Apply *function* value by value; a missing value counts as 0 unless both are missing."""
    if not isinstance(left, tuple) and not isinstance(right, tuple):
        return float(function(left, right))
    if not isinstance(left, tuple):
        assert isinstance(right, tuple)
        return tuple(None if value is None else _number(function(left, value)) for value in right)
    if not isinstance(right, tuple):
        return tuple(None if value is None else _number(function(value, right)) for value in left)
    return tuple(
        None if a is None and b is None else _number(function(a or 0, b or 0))
        for a, b in zip(left, right, strict=True)
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _quotient(left: float, right: float) -> float | None:
    return left / right if right else None


def _at(value: Value, position: int) -> float | None:
    return value[position] if isinstance(value, tuple) else value


def _chosen(condition: float | None, yes: float | None, no: float | None) -> float | None:
    if condition is None:
        return None
    return (yes or 0) if condition else no
