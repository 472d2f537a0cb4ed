"""The layer: what stands at /opt/python in the cloud, built from `shared/` and locked wheels.

Standard library only: any Python since 3.11 builds it, with the same result.
"""
