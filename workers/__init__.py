"""The ones who ask RingCentral: jobs that happen once, and the following of live calls."""
