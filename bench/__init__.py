"""Measurements of the product. Nothing that ships, and no test of behaviour, imports this."""
