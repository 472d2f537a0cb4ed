"""STS 2015-04-01: who calls, and temporary keys for a role."""
