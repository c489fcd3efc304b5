"""Configure Sphinx: Markdown pages, the furo theme, and no access to the network."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "factorlab-lake"
author = "Factor Lab"
release = version = version_of("factorlab-lake")

extensions = ["myst_parser"]
myst_heading_anchors = 3  # headings that other pages link to
smartquotes = False  # quotes in the texts belong to SQL
nitpicky = True

html_theme = "furo"
html_title = f"factorlab-lake {version}"
html_copy_source = False
html_show_copyright = False
