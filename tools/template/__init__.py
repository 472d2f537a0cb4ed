"""A linter for s.yaml: says what Function Compute or fc3 would refuse, drop or misread, before a deployment.

It reads with the local cloud's own reader (tree, templates, references), and then judges more strictly than
that one runs: `localcloud.template` takes a file that is still being written and skips what only matters in
the cloud; this refuses every key and value that fc3 would pass on unseen. README.md lists the rules.
"""
