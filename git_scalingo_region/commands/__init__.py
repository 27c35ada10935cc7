"""One module per command. Its `run` takes plain values and returns a `Result`; it never prints, and never exits."""
