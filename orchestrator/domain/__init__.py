"""What a call is and how it may move: plain Python, no I/O, no clock, no third-party import."""
