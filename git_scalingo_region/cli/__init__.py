"""The command line: what the user typed, and where the answer goes."""
