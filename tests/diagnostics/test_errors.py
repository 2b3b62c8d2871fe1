"""Errors carry their problems and their exit code, also from one process to another."""

from __future__ import annotations

import pickle
import re

import pytest

from gateway import errors
from gateway.diagnostics import Problem
from gateway.errors import EndpointError, GatewayError, ProblemsFound

PROBLEMS = [Problem(code="S001", message="broken"), Problem(code="S002", message="cut")]


def kinds(root: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    return [root, *(kind for below in root.__subclasses__() for kind in kinds(below))]


def made(kind: type[GatewayError]) -> GatewayError:
    if issubclass(kind, ProblemsFound):
        return kind(PROBLEMS)
    if issubclass(kind, EndpointError):
        return kind("the line was cut", code="E001", help="wait")
    return kind("so it is")


OWN = [kind for kind in kinds() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_an_error_survives_the_way_from_a_worker_process(kind: type[GatewayError]) -> None:
    error = made(kind)
    came = pickle.loads(pickle.dumps(error))
    assert type(came) is kind
    assert (str(came), vars(came), came.exit_code) == (str(error), vars(error), error.exit_code)


def test_the_exit_codes_are_those_of_the_documentation() -> None:
    assert errors.__doc__ is not None
    documented = dict(re.findall(r"(\w+) {2,}(\d) {2}", errors.__doc__))
    assert documented == {kind.__name__: str(kind.exit_code) for kind in OWN}
