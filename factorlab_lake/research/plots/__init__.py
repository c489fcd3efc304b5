"""Draw charts of a lake's answers with altair, which the extra ``plot`` installs."""
