"""The repository: what git says, and what has to change."""
