from pathlib import Path
from typing import Optional

import typer

from ..errors import Errors
from ..pipeline.load import load_pipeline
from ._util import MODEL_OPTION, plain_errors

_SCRIPT = Path(__file__).with_name("try_app.py")

# Nobody else's machine can open the page, and nobody is told that it was opened.
_SETTINGS = [
    "--server.address=127.0.0.1",
    # Nor can a page of somebody else's, whose name has come to stand for this machine.
    "--server.allowedHosts=127.0.0.1",
    "--server.allowedHosts=localhost",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
    "--client.toolbarMode=minimal",
    # A darker shade of what queries are marked with.
    "--theme.primaryColor=#1d6b4f",
]


def try_(
    model: Optional[str] = MODEL_OPTION,
    port: Optional[int] = typer.Option(
        None,
        "--port",
        "-p",
        help="Port of the page; 8501, or the next one that is free, without it",
        min=1,
        max=65535,
        show_default=False,
    ),
) -> None:
    """Try a pipeline in the browser: type a message, see what is found and how surely.

    The page is for this machine only. Its address is printed; Ctrl+C ends it.
    """
    with plain_errors():
        # Rather an error here than on the page.
        load_pipeline(model)
        try:
            from streamlit.web.cli import main as streamlit
        except ImportError as error:
            raise ImportError(Errors.MQ058.format(error=error)) from error
    settings = _SETTINGS if port is None else [*_SETTINGS, f"--server.port={port}"]
    model_given = [] if model is None else [model]
    streamlit(["run", *settings, str(_SCRIPT), "--", *model_given], prog_name="streamlit")
