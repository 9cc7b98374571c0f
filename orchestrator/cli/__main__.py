"""`python -m orchestrator.cli`, the same as `ringout`."""

from orchestrator.cli.app import main

main()
