"""Elasticsearch 2017-06-13: instances and the network connections between them."""
