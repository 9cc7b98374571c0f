"""Benchmarks: what is compared is measured side by side, in one run, on one machine.

`python -m tests.bench` prints the tables; `python -m tests.bench dispatch` only that one.
"""
