"""Read and change the settings of a lake, which ``lake.json`` stores beside the lake's identity.

A setting that the file does not have takes its default. So lakes of earlier versions have the defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from factorlab_lake.errors import InvalidInput, LakeDamaged, nearest
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import MAX_AVAILABILITY_LAG_DAYS
from factorlab_lake.storage import inventory
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.lock import writer_lock
from factorlab_lake.storage.sealed import seal

__all__ = ["Availability", "LakeSettings", "change_settings", "read_settings", "rule_setting", "to_lag_days"]

Availability: TypeAlias = "str | int"

_RULES = ("close", "same_day")


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Hold the settings of a lake.

    - ``availability``: the rule for the first day on which a filing may be used. ``close``: the first market
      close after the filing. ``same_day``: the day of the filing. A number: a lag in days.
    - ``provider_order``: the providers of statements, the most trusted one first. Others follow. ``file``
      stands for loaded rows.
    """

    availability: Availability = "close"
    provider_order: tuple[str, ...] = (FILE_PROVIDER, "fmp", "sec")


def read_settings(layout: Layout) -> LakeSettings:
    """Return the settings of a lake; raise :class:`LakeDamaged` if ``lake.json`` has invalid ones."""
    try:
        body = inventory.read(layout, layout.identity)
        return _checked({name: body[name] for name in asdict(LakeSettings()) if name in body})
    except FileNotFoundError:
        raise LakeDamaged(
            f"{layout.identity} is missing; restore it from a backup.", path=str(layout.identity)
        ) from None
    except (ValueError, TypeError) as error:  # InvalidInput is a ValueError
        raise LakeDamaged(
            f"{layout.identity} has invalid settings: {error} Restore the file from a backup.",
            path=str(layout.identity),
        ) from None


def change_settings(layout: Layout, changes: dict[str, Any]) -> LakeSettings:
    """Change some settings of a lake, and return all of them.

    The file is replaced atomically, under the writer's lock: a reader sees all changes or none. Raises
    :class:`InvalidInput` for an invalid value before anything is written.
    """
    checked = asdict(_checked(changes))
    with writer_lock(layout) as lock:
        before = read_settings(layout)
        after = LakeSettings(**(asdict(before) | {name: checked[name] for name in changes}))
        if after != before:
            inventory.raise_format(layout)
            body = inventory.read(layout, layout.identity)
            lock.assert_owned()
            write_atomically(layout.identity, seal(body | asdict(after)))
    return after


def to_lag_days(setting: Availability, name: str = "availability") -> int | None:
    """Return the lag in days of an availability rule: None for ``close``, 0 for ``same_day``.

    A lag may be a string of digits. ``name`` names the setting in the error.

    >>> to_lag_days("close"), to_lag_days("same_day"), to_lag_days("2")
    (None, 0, 2)
    """
    if setting in _RULES:
        return None if setting == "close" else 0
    days = int(setting) if isinstance(setting, str) and setting.isdecimal() else setting
    if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= MAX_AVAILABILITY_LAG_DAYS:
        return days
    hint = nearest(setting, _RULES) if isinstance(setting, str) else ""
    raise InvalidInput(
        f"{name} is {setting!r}; expected 'close', 'same_day' or a lag of 0 to "
        f"{MAX_AVAILABILITY_LAG_DAYS} whole days.{hint}",
        setting=setting,
    )


def rule_setting(lag_days: int | None) -> Availability:
    """Return an availability rule as a caller writes it.

    >>> rule_setting(None), rule_setting(0), rule_setting(2)
    ('close', 'same_day', 2)
    """
    return "close" if lag_days is None else lag_days or "same_day"


def _checked(values: dict[str, Any]) -> LakeSettings:
    """Return settings with these values in their stored form; raise :class:`InvalidInput` for a wrong one."""
    checked: dict[str, Any] = {}
    if "availability" in values:
        checked["availability"] = rule_setting(to_lag_days(values["availability"]))
    if "provider_order" in values:
        checked["provider_order"] = _providers(values["provider_order"])
    return LakeSettings(**checked)


def _providers(order: Iterable[Any]) -> tuple[str, ...]:
    """Return the provider names; raise :class:`InvalidInput` for a wrong type, no name or a repeated name."""
    expected = f"expected the names of providers, such as {list(LakeSettings().provider_order)}"
    if isinstance(order, str | bytes) or not isinstance(order, Iterable):
        raise InvalidInput(f"provider_order is {order!r}; {expected}.", setting=order)
    names = list(order)
    for name in names:
        if not isinstance(name, str) or not _is_name(name):
            raise InvalidInput(f"provider_order has the name {name!r}; {expected}.", setting=names)
        if names.count(name) > 1:
            raise InvalidInput(f"provider_order has {name!r} more than once; {expected}.", setting=names)
    if not names:
        raise InvalidInput(f"provider_order has no name; {expected}.", setting=names)
    return tuple(names)


def _is_name(name: str) -> bool:
    return bool(name) and name == name.strip() and "," not in name and name.isprintable()
