"""The probes: each file holds one law, and a function that yields what breaks it."""
