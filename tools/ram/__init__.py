"""What Enlist asks of RAM, Alibaba Cloud's access control, rendered from bindings. Calls nothing.

table      which RAM actions each API call of the product needs, and on what
reach      how far bindings reach, as resource names
policy     policy documents, and the limit on their size
documents  the files of `ram/`
__main__   `./dev ram`, and the check that the files are what they should be
"""
