"""OSS 2019-05-17: buckets and objects, as far as functions and their deployment need them."""
