"""The layers: what stands at /opt/python in the cloud, built from `shared/` and locked wheels.

Any Python since 3.11 builds them, with the same result, and a Python 3.12 compiles them. Standard library
only, but for the search for that Python.
"""
