"""Queues of MNS (Simple Message Queue), API 2015-06-06: what taking messages from one needs.

signing   the signature, pure
client    Queue: receive, peek, hold, delete, attributes
"""
