"""Edge Node Service 2017-11-10."""
