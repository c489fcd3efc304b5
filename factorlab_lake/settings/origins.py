"""Show each setting with its value and its source: argument, variable, line of a file, or default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_settings import BaseSettings

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.limits import BUCKET_SCHEMES, DEFAULT_LAKE
from factorlab_lake.settings.config_file import source_of
from factorlab_lake.settings.environment_keys import KEYS, has_login
from factorlab_lake.settings.environments import Environment

__all__ = ["HIDDEN", "ShownSetting", "shown_environment", "shown_settings"]

HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """Represent a setting as it is shown: a secret has no value but ``***``; ``problem`` says why none."""

    setting: str
    value: Any
    source: str
    problem: str = ""


def shown_settings(
    model: BaseSettings, arguments: Mapping[str, Any], environment: Environment | None
) -> Iterator[ShownSetting]:
    """Yield each field of a model, with its variable as the name; ``arguments`` win over every other source.

    ``lake`` of the environment is shown without its password.
    """
    prefix = model.model_config.get("env_prefix", "")
    values = model.model_dump(mode="json")
    for name, value in values.items():
        variable = f"{prefix}{name}".upper()
        if arguments.get(name) is not None:
            yield ShownSetting(variable, _plain(arguments[name]), f"argument --{name}")
        elif (source := source_of(variable)) is not None:
            yield ShownSetting(variable, _plain(value), source)
        elif environment is not None and (where := environment.source(name)) is not None:
            yield _of_environment(variable, name, environment, where)
        else:
            yield ShownSetting(variable, DEFAULT_LAKE if name == "lake" else value, "default")


def shown_environment(environment: Environment) -> Iterator[ShownSetting]:
    """Yield each key that the environment has, with its line; a missing variable is a problem of its key."""
    for key in KEYS:
        entry = environment.entries.get((key.section, key.name))
        if entry is None:
            continue
        source = f"{environment.path}, line {entry.line}"
        try:
            value = environment.value(key)
        except InvalidInput as error:
            yield ShownSetting(environment.label(key), None, source, str(error))
        else:
            yield ShownSetting(
                environment.label(key), HIDDEN if key.kind == "secret" else _plain(value), source
            )


def _of_environment(variable: str, name: str, environment: Environment, where: str) -> ShownSetting:
    try:
        if name == "lake":
            password = HIDDEN if ("database", "password") in environment.entries else None
            shown = environment.address(password=password)
            value = shown and shown.replace("%2A%2A%2A", HIDDEN)
        else:
            value = environment.setting(name)
    except InvalidInput as error:
        return ShownSetting(variable, None, where, str(error))
    return ShownSetting(variable, value, where)


def _plain(value: Any) -> Any:
    """Return a value as it is shown: a hidden key has no length, and an address may contain a password."""
    if (
        isinstance(value, str)
        and value
        and (not value.strip("*") or ("://" not in value and has_login(value)))
    ):
        return HIDDEN
    match = re.match(r"(\w+)://", value) if isinstance(value, str) else None
    if match is None or (match[1] in BUCKET_SCHEMES and "@" not in value):  # its keys are no part of it
        return value
    return f"{match[0]}{HIDDEN}"
