"""MNS 2015-06-06 (Simple Message Queue): queues, so that what waits in one can be taken from it."""
