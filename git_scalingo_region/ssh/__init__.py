"""ssh: which key it knows, and which one the host offers."""
