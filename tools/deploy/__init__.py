"""Deploying with Serverless Devs: the layer first, then everything that names its version."""
