"""Container Service 2015-12-15: edge clusters, their nodes and tasks."""
