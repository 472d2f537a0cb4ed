"""Deploying with Serverless Devs: the layers first, then everything that names their versions."""
