"""Serve cached records over loopback HTTP as FMP would: the server of `factorlab-lake demo --server`."""

from factorlab_lake.providers.fmp.sample_server.http_server import SampleServer
from factorlab_lake.providers.fmp.sample_server.records_by_symbol import SampleDataset

__all__ = ["SampleDataset", "SampleServer"]
