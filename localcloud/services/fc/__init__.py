"""Function Compute 2023-03-30, and the invocation API of FC 2.0: the functions that a template brings."""
