"""Resource Manager 2020-03-31: the service-linked roles that a deployment asks for."""
