"""The platform: which regions there are, and which one it is."""
