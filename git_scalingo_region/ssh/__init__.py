"""ssh: which host keys it knows, and which ones a host offers."""
