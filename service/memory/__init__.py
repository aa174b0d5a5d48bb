"""One method for each function of schema `memory`: the only SQL of the service.

`requests` is what a request of one namespace calls, `operator` what spans namespaces or changes the
house, `pressure` what weighs on it. Add a method to the class whose role may run the function, in
the file of its subject.
"""

from service.memory.operator import Operator
from service.memory.pressure import Pressure
from service.memory.requests import Memory, Use
from service.memory.vectors import to_vector

__all__ = ["Memory", "Operator", "Pressure", "Use", "to_vector"]
