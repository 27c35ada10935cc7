"""One function a verb: plain values in, an outcome out; never Typer, never a print, never an exit.

A module a verb, so that each run loads only what its verb needs; within them the heavy owners (`api`, `remotes`,
`hostkeys`) are imported inside functions, so that what is answered from a fresh cache loads neither requests nor
GitPython.
"""
