"""One module per command. Its `run` takes plain values and returns a `Result`; it never prints, and never exits.

Several commands share `selection` and `target`; `checks` and `access` hold the checks of `doctor`.
"""
