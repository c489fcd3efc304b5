"""Run the methods for research from asynchronous programs."""

from __future__ import annotations

from factorlab_lake.query.aio import AsyncQuestions, awaited
from factorlab_lake.research.methods import Research

__all__ = ["AsyncResearch"]


class AsyncResearch(AsyncQuestions):
    """Offer the methods for research as coroutines, beside those of the questions."""

    screen = awaited(Research.screen)
    cross_section = awaited(Research.cross_section)
    industry_stats = awaited(Research.industry_stats)
    trends = awaited(Research.trends)
    seasonality = awaited(Research.seasonality)
    forward_returns = awaited(Research.forward_returns)
