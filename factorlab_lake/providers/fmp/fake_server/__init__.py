"""A fake FMP: a real HTTP server on loopback that answers in both generations, with faults on demand.

For tests, benchmarks and trying things out without a key::

    with FakeFmp(synthetic_dataset(200), faults=Faults(rate=0.2, seed=7)) as server:
        ...  # FMP_BASE_URL=server.url, FMP_API_KEY=demo
    server.fault_counts
"""

from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.fault_plan import (
    FOR_GOOD,
    KINDS,
    PASSING,
    FaultRule,
    Faults,
    Kind,
)
from factorlab_lake.providers.fmp.fake_server.from_cache import dataset_from_cache
from factorlab_lake.providers.fmp.fake_server.http_server import FakeFmp
from factorlab_lake.providers.fmp.fake_server.synthetic import synthetic_dataset
from factorlab_lake.providers.fmp.fake_server.traffic import Limit, Seen

__all__ = [
    "FOR_GOOD",
    "KINDS",
    "PASSING",
    "FakeDataset",
    "FakeFmp",
    "FaultRule",
    "Faults",
    "Kind",
    "Limit",
    "Seen",
    "dataset_from_cache",
    "synthetic_dataset",
]
