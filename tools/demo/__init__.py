"""The demo: the main job on the local cloud, told as a timeline. Knows both the product and the local cloud.

scene      the account it plays in, and what must have become of each instance
timeline   how it is shown
__main__   what happens
"""
