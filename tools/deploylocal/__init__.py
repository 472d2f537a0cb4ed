"""Deploying to the local cloud with the real `s` and its component fc3, and looking at what came of it."""
