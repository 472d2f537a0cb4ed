"""The services of the local cloud, one folder each: `model` holds the state, `service` speaks the API."""
