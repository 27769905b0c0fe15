"""The service: messages in, queries out, over HTTP."""

import asyncio
import time
from contextlib import asynccontextmanager
from hmac import compare_digest
from typing import (
    Any,
    AsyncIterator,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Union,
    cast,
)

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .. import __version__
from ..errors import Errors, excerpt
from .batching import Batcher
from .extractor import Extractor
from .guards import App, BodyGuard, HostGuard, Message, Receive, Send
from .messages import (
    EXAMPLE,
    EXAMPLES,
    Added,
    Found,
    ManyFound,
    ManyMessages,
    Names,
    OneMessage,
    Status,
    errors,
)
from .metrics import Metrics

TOKEN_VARIABLE = "MUSIC_QUERY_TOKEN"
# How many messages of waiting requests the model gets at a time.
_TEXTS_AT_ONCE = 256
_MAX_PROBLEMS = 3


class Limits(NamedTuple):
    """What a request may have.

    body (int): How many bytes.
    batch (int): How many messages.
    length (int): How many characters a message.
    """

    body: int = 1 << 20
    batch: int = 1000
    length: int = 10_000


def make_app(
    extractor: Extractor,
    *,
    token: Optional[str] = None,
    limits: Limits = Limits(),
    hosts: Sequence[str] = (),
) -> FastAPI:
    """Make the service.

    extractor (Extractor): What finds queries.
    token (Optional[str]): What changes of the catalogue need; None for no changes.
    limits (Limits): What a request may have.
    hosts (Sequence[str]): The names that it answers to, besides its own addresses.
    RETURNS (FastAPI): An ASGI application.
    """
    metrics = Metrics()

    def extract(texts: Sequence[str]) -> List[Dict[str, Any]]:
        metrics.batch_size.observe(len(texts))
        found = extractor.extract(texts)
        metrics.messages.inc(len(texts))
        metrics.queries.inc(sum(len(item["music_query"]) for item in found))
        return found

    batcher = Batcher(extract, _TEXTS_AT_ONCE)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # What a pipeline reads at its first message, it shall have read when it is ready.
        await batcher.submit([EXAMPLE])
        app.state.is_ready = True
        yield
        app.state.is_ready = False
        batcher.close()

    app = FastAPI(
        title="music-query",
        summary="Finds the music queries in Chinese chat",
        version=__version__,
        lifespan=lifespan,
    )
    app.state.is_ready = False
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(400, _unreadable)

    @app.post(
        "/extract",
        response_model=Union[Found, ManyFound],
        responses={**EXAMPLES, **errors(413, 422)},
    )
    async def extract_messages(body: Union[OneMessage, ManyMessages]) -> Any:
        """Find the queries of a message, or of several."""
        texts = [body.text] if isinstance(body, OneMessage) else body.texts
        _check_texts(texts, limits)
        found = await batcher.submit(texts)
        # As it is: the model has made it, and nobody needs to check that.
        return JSONResponse(
            found[0] if isinstance(body, OneMessage) else {"results": found}
        )

    @app.post("/catalogue", responses=errors(401, 403, 413, 422))
    async def add_to_catalogue(names: Names, request: Request) -> Added:
        """Add names to the catalogue: they are found from now on, until the service ends.

        Needs the header `Authorization: Bearer TOKEN`.
        """
        _check_token(token, request.headers.get("authorization", ""))
        _check_names(names.root)
        try:
            await asyncio.to_thread(_add_names, extractor, names.root)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return Added(added={kind: len(of_kind) for kind, of_kind in names.root.items()})

    @app.get("/health")
    async def health() -> Status:
        """Say that the service is alive."""
        return Status(status="ok")

    @app.get("/ready", responses={503: {"description": "not yet, or no longer"}})
    async def ready() -> Status:
        """Say whether the pipeline is loaded."""
        if not app.state.is_ready:
            raise HTTPException(503, "not ready")
        return Status(status="ready")

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Show what was counted, for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.add_middleware(BodyGuard, most=limits.body)
    app.add_middleware(HostGuard, hosts=hosts)
    app.add_middleware(
        _Counted,
        metrics=metrics,
        paths={getattr(route, "path", "") for route in app.routes},
    )
    return app


class _Counted:
    """Counts requests and their time."""

    def __init__(self, app: App, metrics: Metrics, paths: Set[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Whoever asks for paths that are not there shall not fill the memory with them.
        path = scope["path"] if scope["path"] in self._paths else "other"
        status = 0

        async def send_counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        began = time.perf_counter()
        with self._metrics.in_progress.track_inprogress():
            try:
                await self._app(scope, receive, send_counted)
            finally:
                self._metrics.seconds.labels(path).observe(time.perf_counter() - began)
                self._metrics.requests.labels(path, str(status or 500)).inc()


async def _not_understood(request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, without repeating all of it."""
    problems = cast(RequestValidationError, error).errors()
    said = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        for problem in problems[:_MAX_PROBLEMS]
    ]
    message = Errors.MQ296.format(problems=excerpt("; ".join(said), 300))
    return JSONResponse({"detail": message}, 422)


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    """Answer as to what is not understood, where FastAPI cannot even read a body."""
    problem = "the body cannot be read as JSON in UTF-8"
    return JSONResponse({"detail": Errors.MQ296.format(problems=problem)}, 422)


def _check_texts(texts: Sequence[str], limits: Limits) -> None:
    if len(texts) > limits.batch:
        message = Errors.MQ291.format(n=len(texts), most=limits.batch)
        raise HTTPException(422, message)
    for number, text in enumerate(texts, start=1):
        if len(text) > limits.length:
            message = Errors.MQ292.format(number=number, n=len(text), most=limits.length)
            raise HTTPException(422, message)
        _require_whole(text, f"message {number}")


def _require_whole(text: str, what: str) -> None:
    """Refuse half a character, which JSON can hold and no answer can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"{what} holds half a character (\\ud800 to \\udfff)"
        raise HTTPException(422, Errors.MQ296.format(problems=problem)) from error


def _check_token(token: Optional[str], header: str) -> None:
    if token is None:
        raise HTTPException(403, Errors.MQ294.format(variable=TOKEN_VARIABLE))
    scheme, _, given = header.partition(" ")
    # In the same time, however much of it is right.
    is_right = compare_digest(given.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise HTTPException(401, Errors.MQ295, {"WWW-Authenticate": "Bearer"})


def _check_names(names: Mapping[str, Sequence[str]]) -> None:
    for kind, of_kind in names.items():
        _require_whole(kind, "a type")
        for number, name in enumerate(of_kind, start=1):
            _require_whole(name, f"name {number}")


def _add_names(extractor: Extractor, names: Mapping[str, Sequence[str]]) -> None:
    for finder in extractor.finders:
        finder.add_to_catalogue(names)
