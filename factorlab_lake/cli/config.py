"""Define the command that shows each setting and where its value came from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from factorlab_lake.cli.app import options
from factorlab_lake.errors import InvalidInput

if TYPE_CHECKING:
    from factorlab_lake.settings.origins import ShownSetting

__all__ = ["config"]


def config(ctx: typer.Context) -> None:
    """Show each setting with its value and where it came from.

    Prints one row per setting, and one per key of the environment that `config/environments.yaml`, --config
    or FACTORLAB_CONFIG has. Passwords and keys are shown as ***. An argument wins over a variable, that over
    a line of .env, that over the environment, and that over the default.

    If a key of the environment refers to a variable that is not set, the exit code is 1.

    Example: factorlab-lake config
    """
    import polars as pl

    rows = _rows(ctx)
    texts = [
        {n: v if v is None else _text(v) for n, v in asdict(row).items() if n != "problem"} for row in rows
    ]
    schema = {"setting": pl.String, "value": pl.String, "source": pl.String}
    options(ctx).output.rows(pl.DataFrame(texts, schema=schema))
    if problems := [row.problem for row in rows if row.problem]:
        raise InvalidInput(problems[0])


def _rows(ctx: typer.Context) -> list[ShownSetting]:
    from factorlab_lake.legacy.parallel.settings import ParallelSettings, parallel_settings
    from factorlab_lake.providers.fmp.settings import fmp_settings
    from factorlab_lake.providers.sec.settings import sec_settings
    from factorlab_lake.settings.config_file import source_of
    from factorlab_lake.settings.environments import find
    from factorlab_lake.settings.models import settings
    from factorlab_lake.settings.origins import shown_environment, shown_settings

    chosen = options(ctx)
    arguments = {"lake": chosen.lake, "env": chosen.env, "config": chosen.config}
    environment = find(chosen.env, chosen.config)
    selection = {name: value for name in ("env", "config") if (value := arguments[name]) is not None}
    # The features of the environment are read below, where a missing variable is a row and not an error.
    features = {
        name: field.default
        for name, field in ParallelSettings.model_fields.items()
        if isinstance(field.default, bool) and source_of(f"FACTORLAB_{name.upper()}") is None
    }
    rows: dict[str, ShownSetting] = {}
    models = (settings(), parallel_settings(**selection, **features), fmp_settings(), sec_settings())
    for model in models:
        for row in shown_settings(model, arguments, environment):
            rows.setdefault(row.setting, row)  # two models have the lake
    return [*rows.values(), *(shown_environment(environment) if environment else ())]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
