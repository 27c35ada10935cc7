"""The platform: which regions there are, which one it is, and where the app is."""
