import os
from pathlib import Path
from typing import List, Optional

import typer

from ..errors import Errors
from ._util import MODEL_OPTION, plain_errors

_MIN_TOKEN = 16
# In seconds: what is being answered when the service is told to stop may take so long.
_GRACE = 30


def serve(
    model: Optional[str] = MODEL_OPTION,
    host: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for all"),
    port: int = typer.Option(8000, "--port", "-p", help="Port", min=1, max=65535),
    allow_host: List[str] = typer.Option(
        [], help="A name that it answers to, besides its own addresses; may be repeated"
    ),
    threshold: Optional[float] = typer.Option(
        None, help="Leave out queries with a lower score", min=0.0, max=1.0
    ),
    index_path: Optional[Path] = typer.Option(
        None, "--links", help="Index to link the queries to, from link-index"
    ),
    token_file: Optional[Path] = typer.Option(
        None,
        help="A file with the token that changes of the catalogue need; without it, the "
        "environment variable MUSIC_QUERY_TOKEN. Without either, there are none",
    ),
    max_body: int = typer.Option(1 << 20, help="Most bytes of a request", min=1),
    max_batch: int = typer.Option(1000, help="Most messages of a request", min=1),
    max_length: int = typer.Option(10_000, help="Most characters of a message", min=1),
) -> None:
    """Answer over HTTP: POST /extract {"text": ...} or {"texts": [...]}.

    /docs describes it. It is for this machine unless --host says otherwise, and has neither
    encryption nor log-in: put a proxy before it where others can reach it. Ctrl+C or SIGTERM
    ends it when all is answered.
    """
    with plain_errors():
        try:
            import uvicorn

            from ..serving.extractor import Extractor
            from ..serving.service import TOKEN_VARIABLE, Limits, make_app
        except ImportError as error:
            message = Errors.MQ284.format(
                what="serve", module=error.name, error=error, extra="serve"
            )
            raise ImportError(message) from error
        token = os.environ.get(TOKEN_VARIABLE) or None
        if token_file is not None:
            token = _read_token(token_file)
        elif token is not None:
            _check_token(token, TOKEN_VARIABLE)
        app = make_app(
            Extractor.load(model, threshold, index_path),
            token=token,
            limits=Limits(max_body, max_batch, max_length),
            hosts=allow_host,
        )
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
    )


def _read_token(path: Path) -> str:
    token = path.read_text(encoding="utf8").strip()
    _check_token(token, str(path))
    return token


def _check_token(token: str, where: str) -> None:
    if len(token) < _MIN_TOKEN or any(map(str.isspace, token)):
        raise ValueError(Errors.MQ297.format(where=where, least=_MIN_TOKEN))
