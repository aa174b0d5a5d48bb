"""The one place that wires: settings in, a Litestar application out.

A request walks client → routes → core/memory → a function of schema `memory` → tables, and back.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar, Router
from litestar.di import Provide

from service.background.backups import BackupKeeper
from service.background.housework import housework
from service.background.supervisor import Supervisor
from service.background.touches import TouchBuffer
from service.background.watch.reporter import Reporter
from service.core.embedding.batcher import MicroBatcher
from service.core.embedding.worker import EmbeddingWorker
from service.core.keys import KeyRing
from service.core.memory import DashboardCalls, Watch
from service.core.tally import Tally
from service.dashboard import routes as dashboard
from service.dashboard.panels import Panels
from service.dashboard.visitors import Visitors
from service.routes.backups import BackupRoutes
from service.routes.body import LARGEST_OTHER
from service.routes.decisions import decisions
from service.routes.etags import join_tags
from service.routes.health import health, live, ready
from service.routes.layers import layers
from service.routes.lifecycle import run_lifecycle
from service.routes.memories import Memories
from service.routes.metrics import Metrics
from service.routes.query import check_request, parameters_of
from service.routes.search import search
from service.routes.watch import WatchRoutes
from service.search.query_cache import QueryCache
from service.search.recall import Recall
from service.services import Parts
from service.web import openapi, problems
from service.web.access import require_key
from service.web.accounting import account
from service.web.cross_origin import cross_origin
from service.web.heads import answer_heads
from service.web.metrics import CacheCollector, KpiCollector, TallyCollector
from service.web.tracing import plugins as tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.core.backend import Backend


def make_app(backend: Backend) -> Litestar:
    """The application on an open backend; its background work runs while the app runs."""
    performance = backend.settings.memory.performance
    batcher = worker = None
    if backend.embedder is not None:
        batcher = MicroBatcher(
            backend.embedder,
            batch_size=performance.batch_size,
            batch_timeout_ms=performance.batch_timeout_ms,
        )
        worker = EmbeddingWorker(backend.memory, batcher, batch_size=performance.batch_size)
    touches = TouchBuffer(backend.memory)
    cache = QueryCache(backend.memory, ttl_minutes=performance.query_cache_ttl_minutes)
    keeper = BackupKeeper(backend)
    tally = Tally()
    watch = Watch(backend.memory.housekeeping, keeper.refresh)
    kpi_metrics = KpiCollector()
    pools = (backend.pool, backend.memory.housekeeping)
    supervisor = Supervisor(backend.database, pools, watch)
    services = Parts(
        memory=backend.memory,
        recall=Recall(
            backend.memory,
            batcher,
            cache,
            touches,
            tally,
            slow_ms=backend.settings.slow_search_ms,
        ),
        touches=touches,
        worker=worker,
        backups=keeper,
        watch=watch,
        kpi_metrics=kpi_metrics,
        supervisor=supervisor,
    )
    reporter = Reporter(watch, tally, backend.embedder, cache)

    @asynccontextmanager
    async def background(app: Litestar) -> AsyncIterator[None]:
        app.state.key_ring = KeyRing(backend.memory)
        app.state.visitors = Visitors()
        app.state.supervisor = supervisor
        app.state.panels = Panels(DashboardCalls(backend.memory.housekeeping), watch)
        async with AsyncExitStack() as stack:
            stack.enter_context(CacheCollector(backend.embedder, cache))
            stack.enter_context(TallyCollector(tally))
            stack.enter_context(kpi_metrics)
            await stack.enter_async_context(supervisor.running())
            # begins first and ends last, for it tells what the others counted
            await stack.enter_async_context(reporter.running())
            if batcher is not None:
                stack.push_async_callback(batcher.close)
            if worker is not None:
                await stack.enter_async_context(worker.running())
            await stack.enter_async_context(touches.running())
            if backend.settings.jobs:
                await stack.enter_async_context(housework(backend, keeper))
            yield

    app = Litestar(
        route_handlers=[
            Router(
                "/",
                route_handlers=[
                    Memories,
                    search,
                    layers,
                    decisions,
                    run_lifecycle,
                    BackupRoutes,
                    WatchRoutes,
                ],
                guards=[require_key],
                security=[{openapi.KEY: []}],
            ),
            live,
            ready,
            health,
            Metrics,
            openapi.assets(),
            *dashboard.routes(),
        ],
        template_config=dashboard.template_config(),
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        lifespan=[background],
        before_request=check_request,
        cors_config=cross_origin(backend.settings.cors_origins),
        plugins=[problems.plugin(supervisor), *tracing(backend.settings)],
        exception_handlers={Exception: problems.unexpected},
        openapi_config=openapi.config(),
        request_max_body_size=LARGEST_OTHER,
        logging_config=None,
    )
    app.state.parameters = parameters_of(app)
    openapi.describe_exactly(app)
    # Around everything, for unknown paths never come as far as a middleware.
    app.asgi_handler = account(answer_heads(join_tags(app.asgi_handler)), tally)
    return app
