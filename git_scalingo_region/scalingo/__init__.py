"""The platform: which regions there are, which one to use, and where the app is."""
