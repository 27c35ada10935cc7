"""All benchmarks, one after the other, with the program installed once."""

from __future__ import annotations

import lookup
import remotes
import startup
from bench import main

if __name__ == "__main__":
    main(startup.measure, lookup.measure, remotes.measure)
