"""What this product needs of Redis and of RingCentral, and whether it is there.

`ringout doctor` asks at once and shows all of it; the processes ask at their start, in the
background, and log what is not right.
"""
