"""Load providers by name from the entry points ``factorlab_lake.providers``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.providers.protocol import Provider

__all__ = ["opened", "provider", "provider_names"]

_GROUP = "factorlab_lake.providers"


def provider_names() -> list[str]:
    """Return the names of the installed providers, sorted.

    >>> "fmp" in provider_names()
    True
    """
    return sorted({entry.name for entry in entry_points(group=_GROUP)})


def provider(name: str) -> Provider:
    """Return a new provider with the settings of its environment.

    Raises :class:`InvalidInput` for a name that no installed package registers, or when its package cannot be
    loaded.

    >>> provider("fnp")
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: No provider is called 'fnp'. Did you mean 'fmp'? \
Installed are: fmp, sec.
    """
    entries = [entry for entry in entry_points(group=_GROUP) if entry.name == name]
    if not entries:
        known = provider_names()
        raise InvalidInput(
            f"No provider is called {name!r}.{nearest(name, known)} Installed are: {', '.join(known)}.",
            name=name,
        )
    try:
        create = entries[0].load()
    except (ImportError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        created: Provider = create()
        return created
    raise InvalidInput(
        f"The provider {name!r} cannot be loaded from {entries[0].value} ({reason}). "
        "Install its package again.",
        name=name,
    )


@contextmanager
def opened(name_or_provider: str | Provider) -> Iterator[Provider]:
    """Yield the provider of a name and close it afterwards; the caller closes a provider object.

    >>> with opened("fmp") as fmp:
    ...     fmp.name
    'fmp'
    """
    if not isinstance(name_or_provider, str):
        if not all(hasattr(name_or_provider, needed) for needed in ("datasets", "answer")):
            raise InvalidInput(
                f"The provider is {name_or_provider!r}; expected a name such as 'fmp', or an object with the "
                "methods of factorlab_lake.providers.Provider."
            )
        yield name_or_provider
        return
    created = provider(name_or_provider)
    try:
        yield created
    finally:
        created.close()
