"""Redis: what is remembered, under which key, and by which script it changes."""
