"""The local FC runtime: functions in processes of their own, run as FC does. Knows no triggers."""

from localcloud.runtime.process import Credentials, FunctionProcess, Invocation

__all__ = ["Credentials", "FunctionProcess", "Invocation"]
