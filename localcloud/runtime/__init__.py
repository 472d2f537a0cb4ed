"""The local FC runtime: functions in processes of their own, run as FC does. Knows no triggers."""

from localcloud.runtime.invocation import Credentials, Invocation
from localcloud.runtime.pool import ClosedError, Limits, Machine
from localcloud.runtime.process import FunctionProcess

__all__ = ["ClosedError", "Credentials", "FunctionProcess", "Invocation", "Limits", "Machine"]
