"""Add the git remote of a Scalingo app, in the right region."""

__version__ = "0.2.0"
