"""Write the arguments of Python that a message names as the options of the command that was run."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["with_options"]


def with_options(message: str, command: Any) -> str:
    """Return a message of the library with the option names of a command; unchanged without a command.

    ``symbol='AAPL'`` becomes ``--symbol AAPL``. A name alone is replaced if it has an underscore: others are
    words, and may be names of columns.
    """
    for parameter in command.params if command is not None else ():
        if parameter.param_type_name != "option" or parameter.name is None:
            continue
        option, name = max(parameter.opts, key=len), re.escape(parameter.name)
        message = re.sub(rf"(?<![\w-]){name}='([^'\s]*)'", rf"{option} \1", message)
        if "_" in parameter.name:
            message = re.sub(rf"(?<![\w-]){name}(?![\w=])", option, message)
    return message
