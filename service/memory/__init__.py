"""One method for each function of schema `memory`: the only SQL of the service.

`requests` is what a request of one namespace calls, `operator` what spans namespaces or changes the
house. Add a method to the class whose role may run the function, in the file of its subject.
"""

from service.memory.backups import Backups
from service.memory.operator import Operator
from service.memory.requests import Memory, Use
from service.memory.vectors import to_vector

__all__ = ["Backups", "Memory", "Operator", "Use", "to_vector"]
