"""Tests of `orchestrator.telephony` over real sockets."""
