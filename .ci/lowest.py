"""Print the lowest version that pyproject.toml allows of each direct dependency, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
tested = [line for name in ("pandas", "postgres", "object-store") for line in extras[name]]
for requirement in [*project["dependencies"], *tested]:
    if bound := re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", requirement):
        print(f"{bound[1]}=={bound[2]}")
