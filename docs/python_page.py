"""Generate the reference page of the Python API from signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import factorlab_lake as fl
from docs.markdown import to_markdown
from factorlab_lake import errors
from factorlab_lake.ingest.plan import FetchPolicy
from factorlab_lake.legacy import (
    CacheMigrationTool,
    DatabaseProvider,
    DataProvider,
    FMPProvider,
    migration_status,
)
from factorlab_lake.query.spark_lake import SparkLake
from factorlab_lake.research.async_research import AsyncResearch
from factorlab_lake.research.plots.charts import Charts
from factorlab_lake.server_lake import ServerLake

__all__ = ["python_page"]

_WIDTH = 100  # of a signature on one line
_FUNCTIONS = {"open": fl.open, "restore": fl.restore, "verify": fl.verify, "repair": fl.repair}
# Each class with the expression by which a reader calls its methods.
_CLASSES: dict[type, str] = {
    fl.Lake: "lake",
    ServerLake: "lake",
    Charts: "lake.plot",
    SparkLake: "answers",
    AsyncResearch: "lake.aio",
    FetchPolicy: "policy",
    FMPProvider: "provider",
    DatabaseProvider: "provider",
    DataProvider: "provider",
    CacheMigrationTool: "tool",
}


def python_page() -> Iterator[str]:
    """Yield the paragraphs of the page."""
    yield "# Python API"
    yield (
        "`import factorlab_lake as fl` gives the functions and the class `Lake`. Answers are polars frames. "
        "Factor Lab's own classes are in `factorlab_lake.legacy`."
    )
    for name, function in _FUNCTIONS.items():
        yield f"## {name}"
        yield from _described(f"fl.{name}", function)
    for kind, variable in _CLASSES.items():
        yield f"## {kind.__name__}"
        yield to_markdown(inspect.getdoc(kind) or "", link=_link)
        for name, member in _members(kind):
            # Only the methods of Lake get a heading, to which texts link: other classes repeat the names.
            yield f"### {name}" if kind is fl.Lake else f"**{name}**"
            yield from _described(f"{variable}.{name}", member)
    yield "## migration_status"
    yield from _described("migration_status", migration_status)
    yield "## Errors"
    yield to_markdown(inspect.getdoc(errors) or "", link=_link)


def _link(name: str) -> str | None:
    """Return the address of a method of Lake that a docstring mentions."""
    word = name.rpartition(".")[2]
    return f"#{word}" if word in dict(_members(fl.Lake)) else None


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class, as defined: those of its base classes first.

    A server's lake repeats none of the methods that a lake has.
    """
    bases = [kind] if kind is ServerLake else reversed(kind.__mro__)
    members = {name: inspect.getattr_static(kind, name) for base in bases for name in vars(base)}
    for name, member in members.items():
        documented = callable(member) or isinstance(member, property | cached_property)
        if documented and not name.startswith("_"):
            yield name, member


def _described(call: str, member: Any) -> Iterator[str]:
    """Yield the signature and the docstring of a function, method or property."""
    getter = {property: "fget", cached_property: "func"}.get(type(member))
    member = getattr(member, getter) if getter else member
    yield f"```text\n{call if getter else _signature(call, member)}\n```"
    yield to_markdown(inspect.getdoc(member) or "", link=_link)


def _signature(call: str, function: Callable[..., Any]) -> str:
    """Return a signature on one line, or with one parameter a line where it is long."""
    signature = inspect.signature(function)
    parameters: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        if parameter.name != "self":
            parameters.append(_parameter(parameter))
    returned = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    line = f"{call}({', '.join(parameters)}){returned}"
    if len(line) <= _WIDTH:
        return line
    body = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{call}(\n{body}){returned}"


def _parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter as the code has it: annotations are kept as texts, so their quotes must go."""
    annotated = parameter.annotation is not parameter.empty
    prefix = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    text = f"{prefix}{parameter.name}" + (f": {parameter.annotation}" if annotated else "")
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {parameter.default!r}" if annotated else f"{text}={parameter.default!r}"
