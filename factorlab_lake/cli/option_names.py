"""Write the arguments of Python that a message names as the options of the command that was run."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["with_options"]


# Where a message speaks of an argument by its name alone: a column or a folder may have the same name.
_SPOKEN_OF = r"(?P<before>^|; |\b(?:[Ll]eave|[Pp]ass|but) )"


def with_options(message: str, command: Any) -> str:
    """Return a message of the library with the option names of a command; unchanged without a command.

    ``symbol='AAPL'`` becomes ``--symbol AAPL``. A name alone is replaced if it has an underscore, as other
    names are words, and only at the beginning of a clause or after "leave", "pass" and "but".
    """
    for parameter in command.params if command is not None else ():
        if parameter.param_type_name != "option" or parameter.name is None:
            continue
        option, name = max(parameter.opts, key=len), re.escape(parameter.name)
        message = re.sub(rf"(?<![\w-]){name}='([^'\s]*)'", rf"{option} \1", message)
        if "_" in parameter.name:
            message = re.sub(rf"{_SPOKEN_OF}{name}(?= )", rf"\g<before>{option}", message, flags=re.MULTILINE)
    return message
