"""Run the command line as ``python -m factorlab_lake``."""

from factorlab_lake.cli import main

main()
