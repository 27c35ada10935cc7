"""ssh: which keys it knows, and which ones the host offers."""
