"""`python -m gen3d` is `gen3d`."""

from gen3d.cli import main

main()
