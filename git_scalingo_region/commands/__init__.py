"""One module per command. Its `run` takes plain values and returns a `Result`; it never prints, and never exits.

`selection` and `target` are what several commands share, `checks` and `access` are the checks of `doctor`.
"""
