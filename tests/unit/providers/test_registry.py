from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers import registry
from factorlab_lake.providers.fmp import FmpProvider

_GROUP = "factorlab_lake.providers"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two more packages be installed: one that works, and one that is broken."""
    more = EntryPoints(
        [
            EntryPoint("fmp", "factorlab_lake.providers.fmp:FmpProvider", _GROUP),
            EntryPoint("other", "tests.unit.providers.test_fmp_contract:Memory", _GROUP),
            EntryPoint("broken", "no_such_package.at_all:Provider", _GROUP),
        ]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: more.select(group=group))


def test_fmp_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package registers its own provider as any other would; its settings are those outside."""
    monkeypatch.setenv("FMP_CALLS_PER_MINUTE", "300")
    created = registry.provider("fmp")
    assert isinstance(created, FmpProvider)
    assert (created.name, created.calls_per_minute) == ("fmp", 300)
    created.close()


def test_another_vendor_needs_no_change_here(installed: None) -> None:
    """A package that registers a provider is found by its name."""
    assert registry.provider_names() == ["broken", "fmp", "other"]
    assert registry.provider("other").name == "memory"


def test_an_unknown_name_is_told_the_known_ones(installed: None) -> None:
    """The error names what is installed, and the nearest."""
    with pytest.raises(InvalidInput, match=r"'othr'\. Did you mean 'other'.*broken, fmp, other"):
        registry.provider("othr")


def test_a_broken_package_is_named(installed: None) -> None:
    """The error says which package, and why it does not load."""
    with pytest.raises(InvalidInput, match="no_such_package"):
        registry.provider("broken")
