"""The job of connecting Elasticsearch instances in pairs.

view     what was observed: data only
observe  asks Elasticsearch, and decides nothing
plan     pure: which pairs to connect, which not, and why
apply    the only writes
job      one invocation of it
"""
