"""Tests of `orchestrator.telephony` without I/O."""
