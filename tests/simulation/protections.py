"""All protections, from the modules that register them."""

from simulation import doorbell_protections, lease_protections, repair_protections, spread_protections
from simulation.protection import PROTECTIONS, Protection

__all__ = [
    "PROTECTIONS",
    "Protection",
    "doorbell_protections",
    "lease_protections",
    "repair_protections",
    "spread_protections",
]
