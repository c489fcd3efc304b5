"""A fake FMP: a real HTTP server on loopback that answers in both generations, with faults on demand.

For tests, benchmarks and trying things out without a key::

    with FakeFmp(made_world(200), faults=Faults(rate=0.2, seed=7)) as server:
        ...  # FMP_BASE_URL=server.url, FMP_API_KEY=demo
    server.fault_counts
"""

from factorlab_lake.providers.fmp.fake_server.dataset import World
from factorlab_lake.providers.fmp.fake_server.fault_plan import FOR_GOOD, KINDS, PASSING, Faults, Kind, Rule
from factorlab_lake.providers.fmp.fake_server.from_cache import cached_world
from factorlab_lake.providers.fmp.fake_server.http_server import FakeFmp
from factorlab_lake.providers.fmp.fake_server.synthetic import made_world
from factorlab_lake.providers.fmp.fake_server.traffic import Limit, Seen

__all__ = [
    "FOR_GOOD",
    "KINDS",
    "PASSING",
    "FakeFmp",
    "Faults",
    "Kind",
    "Limit",
    "Rule",
    "Seen",
    "World",
    "cached_world",
    "made_world",
]
