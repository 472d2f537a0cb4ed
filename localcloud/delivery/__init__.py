"""What becomes of an event after its first try: retries, dead letters, destinations, batches of a queue.

settings     what a template or a rule says about it (values)
transforms   what a target gets of an event (pure)
places       where a target leads (pure)
retries      how often and when (pure)
letters      what is written when it failed for good (pure)
routes       who tries again, and what follows a try (pure)
queues       the queues of the local cloud, as the platform itself uses them
streams      batches that are taken from a queue (s.batch.yaml)
book         what is under way
journal      what became of each event
shipping     what goes where, and who is in charge
trying       makes one try
deliveries   does it, on the state clock
"""
