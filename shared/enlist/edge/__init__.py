"""The job of joining ENS instances to edge clusters.

view         what was observed: data only
clusterlook  asks CS about one cluster
observe      asks ENS, and looks at many clusters; decides nothing
plan         pure: what to do, what not, and why
apply        the only writes
job          one invocation of it: observe, plan, look wider, plan again, apply
"""
