from __future__ import annotations

from factorlab_lake.settings import NAMES
from factorlab_lake.settings.models import Settings


def test_the_names_without_the_models_are_those_of_the_models() -> None:
    """A new setting is known to the check of misspelt variables too."""
    assert tuple(Settings.model_fields) == NAMES
