"""Fake FMP for tests and benchmarks: a real HTTP server on loopback, with faults on demand.

It serves both API generations::

    with FakeFmp(synthetic_dataset(200), faults=Faults(rate=0.2, seed=7)) as server:
        ...  # FMP_BASE_URL=server.url, FMP_API_KEY=demo
    server.fault_counts
"""

from tests.fakes.fmp.dataset import FakeDataset
from tests.fakes.fmp.fault_plan import FOR_GOOD, KINDS, PASSING, FaultRule, Faults, Kind
from tests.fakes.fmp.server import FakeFmp
from tests.fakes.fmp.synthetic import synthetic_dataset
from tests.fakes.fmp.traffic import LoggedRequest, RateLimit

__all__ = [
    "FOR_GOOD",
    "KINDS",
    "PASSING",
    "FakeDataset",
    "FakeFmp",
    "FaultRule",
    "Faults",
    "Kind",
    "LoggedRequest",
    "RateLimit",
    "synthetic_dataset",
]
