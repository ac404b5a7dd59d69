"""Parameters: what a cell declares, and what is refused before anything runs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradewind.errors import InvalidInputError, ParameterError, TemplateNotFoundError
from tradewind.jobs import templates
from tradewind.jobs.parameters import Kind, Parameter, check_all, infer

CELL = """
fast: int = 20  # bars of the fast average
slow = 100
cost: float = 1e-4
start: str | None = None
name = "sma_cross"
verbose = False
symbols: list[str] = ["AAPL", "MSFT"]
weights = [1, 2.5]
mode: "Literal['long', 'both']" = "long"
anything = None
options = {"a": 1}
computed = slow * 2
print("no parameter")
"""


def known() -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in infer(CELL)}


def test_types_come_from_annotations_and_defaults() -> None:
    found = known()
    assert {name: p.kind for name, p in found.items()} == {
        "fast": Kind.INT, "slow": Kind.INT, "cost": Kind.FLOAT, "start": Kind.STR, "name": Kind.STR,
        "verbose": Kind.BOOL, "symbols": Kind.LIST, "weights": Kind.LIST, "mode": Kind.STR,
        "anything": Kind.ANY, "options": Kind.DICT,
    }  # fmt: skip
    assert found["fast"].help == "bars of the fast average"
    assert found["start"].optional and not found["name"].optional
    assert found["symbols"].items is Kind.STR
    assert found["weights"].items is Kind.FLOAT
    assert found["mode"].choices == ("long", "both")


@pytest.mark.parametrize(
    ("name", "value"),
    [("fast", 1.5), ("fast", "10"), ("fast", True), ("fast", None), ("cost", "x"), ("cost", float("nan")),
     ("cost", float("inf")), ("name", 3), ("verbose", 1), ("verbose", "true"), ("symbols", "AAPL"),
     ("symbols", ["AAPL", 3]), ("weights", ["a"]), ("mode", "short"), ("options", [1])],
)  # fmt: skip
def test_ill_typed_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' takes"):
        check_all(infer(CELL), {name: value}, what="'nb'")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("fast", "10", 10), ("cost", "2", 2.0), ("cost", "1e-3", 1e-3), ("start", "2005", "2005"),
        ("start", "", None), ("name", "None", "None"), ("verbose", "yes", True), ("verbose", "False", False),
        ("symbols", "A, B", ["A", "B"]), ("symbols", '["A"]', ["A"]), ("symbols", "1,2", ["1", "2"]),
        ("symbols", "7", ["7"]),
        ("weights", "1,2.5", [1.0, 2.5]), ("weights", "[3]", [3.0]), ("mode", "both", "both"),
        ("anything", "3", 3), ("anything", "abc", "abc"), ("options", '{"b": [1]}', {"b": [1]}),
    ],
)  # fmt: skip
def test_texts_are_read_in_the_parameters_type(name: str, text: str, value: object) -> None:
    found = check_all(infer(CELL), {name: text}, what="'nb'", texts=True)
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"), [("fast", "ten"), ("fast", "1.5"), ("verbose", "maybe"), ("cost", "")]
)
def test_texts_of_another_type_are_refused(name: str, text: str) -> None:
    with pytest.raises(ParameterError):
        check_all(infer(CELL), {name: text}, what="'nb'", texts=True)


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_survives_its_own_text(number: float) -> None:
    kind = Kind.INT if isinstance(number, int) else Kind.FLOAT
    assert Parameter(name="x", kind=kind, default=0).parse(repr(number)) == number


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_a_documents_parameter_is_the_parameter(value: object) -> None:
    for parameter in infer(CELL):
        again = Parameter.from_document(json.loads(json.dumps(parameter.as_document())))
        assert again == parameter
        try:
            checked = parameter.check(value)
        except ParameterError:
            with pytest.raises(ParameterError):
                again.check(value)
        else:
            assert again.check(value) == checked


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(ParameterError, match="has no parameter 'fsat'") as caught:
        check_all(infer(CELL), {"fsat": 1}, what="'nb'")
    assert "'fast'" in caught.value.hint


def test_too_much_is_refused() -> None:
    with pytest.raises(ParameterError, match="at most"):
        check_all(infer(CELL), {"name": "x" * 100_000}, what="'nb'")


def test_a_notebook_without_the_tag_says_so() -> None:
    plain = templates.read("plain", {"nbformat": 4, "cells": [], "metadata": {}})
    with pytest.raises(ParameterError) as caught:
        plain.check({"x": 1})
    assert "Tag a cell" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[]", b'{"nbformat": 3, "worksheets": []}', b'{"nbformat": 4, "cells": [1]}',
     b'{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R"}}}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_python_notebook_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        templates.read("x", content)


def test_an_unknown_template_offers_near_names() -> None:
    with pytest.raises(TemplateNotFoundError) as caught:
        templates.load("bactkest")
    assert "'backtest'" in caught.value.hint


def test_every_shipped_template_can_be_read() -> None:
    found = {template.name: template for template in templates.all_templates()}
    assert {"backtest", "train"} <= set(found)
    for template in found.values():
        assert template.title and template.description, template.name
        if template.kind == "job":
            assert template.parameters, template.name
            defaults = {parameter.name: parameter.default for parameter in template.parameters}
            assert template.check(defaults) == defaults
