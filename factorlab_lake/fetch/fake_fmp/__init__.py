"""A fake FMP: a real HTTP server on loopback that answers in both generations, with faults on demand.

For tests, benchmarks and trying things out without a key::

    with FakeFmp(made_world(200), faults=Faults(rate=0.2, seed=7)) as server:
        ...  # FMP_BASE_URL=server.url, FMP_API_KEY=demo
    server.fault_counts
"""

from factorlab_lake.fetch.fake_fmp.cached import cached_world
from factorlab_lake.fetch.fake_fmp.faults import FOR_GOOD, KINDS, PASSING, Faults, Kind, Rule
from factorlab_lake.fetch.fake_fmp.made import made_world
from factorlab_lake.fetch.fake_fmp.server import FakeFmp
from factorlab_lake.fetch.fake_fmp.traffic import Limit, Seen
from factorlab_lake.fetch.fake_fmp.world import World

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
