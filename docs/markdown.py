"""Write Markdown: tables, escaped text, and docstrings converted from reStructuredText."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable

__all__ = ["escaped", "table", "to_markdown"]

_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_LITERAL = re.compile(r"``([^`]+)``")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; the text of its cells is Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    r"""Return plain text with a backslash before each character that Markdown reads as markup.

    >>> print(escaped("a * b < c"))
    a \* b \< c
    """
    return re.sub(r"([*<\[])", r"\\\1", text)


def to_markdown(docstring: str, *, link: Callable[[str], str | None] = lambda _: None) -> str:
    """Return a docstring as Markdown.

    ``link`` returns the address of a name that a role such as ``:meth:`` mentions, or None without one.

    >>> to_markdown("See :meth:`~package.Thing.method`; ``x`` is a_b.")
    'See `method`; `x` is a_b.'
    """
    blocks = re.split(r"\n\s*\n", textwrap.dedent(docstring).strip())
    return "\n\n".join(_block(block, link) for block in _joined_code(blocks))


def _joined_code(blocks: list[str]) -> list[str]:
    """Join the parts of an indented block that blank lines separate, and drop the ``::`` before it."""
    joined: list[str] = []
    in_code = False
    for block in blocks:
        if in_code and block.startswith(" "):
            joined[-1] += f"\n\n{block}" if joined[-1] else block
            continue
        in_code = block.rstrip().endswith("::")
        if in_code:
            before = block.rstrip().removesuffix("::").rstrip()
            joined += [f"{before}:", ""] if before else [""]
        else:
            joined.append(block)
    return joined


def _block(block: str, link: Callable[[str], str | None]) -> str:
    if block.startswith(" "):
        return f"```text\n{textwrap.dedent(block)}\n```"
    if block.startswith(">>>"):
        return f"```pycon\n{block}\n```"
    return _prose(block, link)


def _prose(text: str, link: Callable[[str], str | None]) -> str:
    """Escape what Markdown would read as markup, and turn roles and literals into code."""

    def mention(match: re.Match[str]) -> str:
        name = match[1].rpartition(".")[2]
        target = link(match[1])
        return f"[`{name}`]({target})" if target else f"`{name}`"

    parts = re.split(r"(:\w+:`[^`]+`|``[^`]+``)", text)
    plain = [part if index % 2 else escaped(part) for index, part in enumerate(parts)]
    return _LITERAL.sub(r"`\1`", _ROLE.sub(mention, "".join(plain)))
