"""Collects every problem of a mapping file while it is loaded, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.diagnostics import Problem
from gateway.library import similar
from gateway.mapping.layers import Layers
from gateway.yamlfile import Location, YamlFile

Model = TypeVar("Model", bound=BaseModel)


class Complaints:
    """What is wrong with one mapping; `problems` in the order of the file."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._problems: list[Problem] = []

    @classmethod
    def about(cls, file: YamlFile) -> Complaints:
        """Those about a file that extends no other."""
        data = file.data if isinstance(file.data, dict) else {}
        return cls(Layers(file.path, data, file.spans, file.keys))

    def add(
        self,
        code: str,
        message: str,
        at: Location,
        *,
        key: bool = False,
        label: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Note a problem at a part of the file (or at its key); the same one is noted once."""
        problem = Problem(code=code, message=message, span=self._layers.span(at, key=key), label=label, help=hint)
        if problem not in self._problems:
            self._problems.append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note problems of another file that this one needs."""
        self._problems += [problem for problem in problems if problem not in self._problems]

    @property
    def problems(self) -> list[Problem]:
        """All of them, by line."""
        return sorted(
            self._problems,
            key=lambda each: (each.span.file, each.span.line, each.span.column) if each.span else ("", 0, 0),
        )

    def validated(self, model: type[Model], data: Any, at: Location, what: str) -> Model | None:
        """The model of a part of the file, or None with every fault noted."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for fault in error.errors():
                self._fault(model, fault, at, what)
            return None

    def _fault(self, model: type[BaseModel], fault: Any, at: Location, what: str) -> None:
        inner = tuple(step for step in fault["loc"] if not str(step).startswith("function-"))
        place = (*at, *inner)
        name = str(inner[-1]) if inner else ""
        holder = f"`{inner[-2]}`" if len(inner) > 1 else what
        kind = fault["type"]
        if kind == "extra_forbidden":
            near = similar(name, _options(model, inner[:-1]))
            self.add(
                "M004",
                f"unknown key `{name}` in {holder}",
                place,
                key=True,
                label="not a key of it",
                hint=f"there is a key with a similar name: `{near}`" if near else None,
            )
        elif kind == "missing":
            self.add("M003", f"{holder} lacks the key `{name}`", place, key=True, hint=f"add `{name}:`")
        elif fault["input"] is None:
            self.add("M005", f"`{name}` has no value", place, hint=f"give `{name}` a value, or remove the line")
        else:
            said = str(fault["msg"]).removeprefix("Value error, ")
            self.add("M005", f"`{name}` has a wrong value: {said[:1].lower()}{said[1:]}", place)


def _options(model: type[BaseModel], inner: tuple[Any, ...]) -> list[str]:
    """The keys that a model (or the one below it) knows."""
    for step in inner:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(str(step))
        below: Any = field.annotation if field is not None else None
        for candidate in (below, *getattr(below, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)
