"""An s.yaml, read as the local cloud runs it. Runs nothing."""
