"""Define the command that serves a lake to assistants over the Model Context Protocol."""

from __future__ import annotations

import typer

from factorlab_lake.cli.app import open_lake, options
from factorlab_lake.errors import MissingExtra

__all__ = ["mcp"]


def mcp(ctx: typer.Context) -> None:
    """Serve the lake to an assistant, read-only.

    The assistant starts this command itself. SQL runs in a sandbox with limits of memory and time, and every
    answer has its snapshot and at most some hundred rows. Needs pip install 'factorlab-lake[mcp]'.

    Example: factorlab-lake --lake data/lake mcp
    """
    options(ctx).output.check_report()
    lake = open_lake(ctx, sandbox=True)
    try:
        from factorlab_lake.cli.mcp_tools import server
    except ImportError as missing:
        raise MissingExtra(
            f"The command mcp needs {missing.name}; install it with pip install 'factorlab-lake[mcp]'.",
            extra="factorlab-lake[mcp]",
        ) from None
    server(lake).run("stdio", show_banner=False)
