"""Enlist: new ENS machines join their edge cluster, new Elasticsearch instances meet their peers.

    function, doors, httpdoor  one function: event, timer and HTTP become signals, outcomes become an answer
    signals, bindings, facts   which instances are meant, what should be, what is known
    edge, search               the two jobs: observe, plan (pure), apply (the only writes)
    clients, endpoints         typed calls to CS, ENS and Elasticsearch
    outcomes, settings, errors

It stands on `fctoolkit` and knows nothing of the local cloud. The package imports nothing by itself.
"""
