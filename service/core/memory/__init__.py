"""One method for each function of schema `memory`: the only SQL of the service.

`requests` is what a request of one namespace calls, `background` what the workers beside it do for
all of them, `operator` what administers it, `jobs` what runs the schedule, `pressure` what
weighs on it, `training` what trains, `watch` what is watched. Add a method to the class whose role
may run the function, in the file of its subject.
"""

from service.core.memory.archive import Archive
from service.core.memory.backups import Backups
from service.core.memory.dashboard import DashboardCalls
from service.core.memory.jobs import Jobs
from service.core.memory.logins import LOGIN_ROLES, Logins
from service.core.memory.operator import Operator
from service.core.memory.pressure import Pressure
from service.core.memory.replay import ReplayCalls
from service.core.memory.requests import Memory
from service.core.memory.shapes import Use
from service.core.memory.training import Rows, Training
from service.core.memory.transfer import Transfer
from service.core.memory.vectors import to_vector
from service.core.memory.watch import Notifications, Watch

__all__ = [
    "LOGIN_ROLES",
    "Archive",
    "Backups",
    "DashboardCalls",
    "Jobs",
    "Logins",
    "Memory",
    "Notifications",
    "Operator",
    "Pressure",
    "ReplayCalls",
    "Rows",
    "Training",
    "Transfer",
    "Use",
    "Watch",
    "to_vector",
]
