"""Bindings: which instance belongs where. The user's one file of policy.

model      what a binding is; validation that needs no file
packed     reading the file a function carries: packed JSON, or YAML where a parser is installed
yamlfile   reading bindings.yaml with file, line and column; needs the extra `yaml`; never on the event path
__main__   `python -m enlist.bindings check|pack`
"""
