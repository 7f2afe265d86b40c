"""`python -m handbill` is `handbill`."""

from handbill.cli import main

main()
