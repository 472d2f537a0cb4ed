"""A toolkit for event-driven functions on Alibaba Cloud Function Compute (FC 3.0, Python).

The package imports nothing by itself: import the module you use, so that a cold start pays for no more.

    signing, credentials, transport, tls                    signed requests, and how they leave
    client, answers, retry                                  calls to Alibaba Cloud APIs, and their answers
    events, eventmodel, pattern, router, http, httproutes   what reaches a function, and where it goes
    idempotency                                             claims on work, and the stores that keep them
    metrics, telemetry                                      what an invocation cost; to logs, to collectors
    context, clock, logging, errors, jsontypes, strictjson  the ground the others stand on
    testing                                                 for tests of functions

It knows nothing of ENS, clusters or Elasticsearch: that is the product's business.
"""
