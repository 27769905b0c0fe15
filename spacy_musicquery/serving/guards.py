"""What a service refuses before it reads a request: other hosts, and bodies too large."""

from ipaddress import ip_address
from typing import Any, Awaitable, Callable, Dict, Iterable, Optional

from ..errors import Errors, excerpt

Message = Dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# No body has a length with more.
_MOST_DIGITS = 18
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class HostGuard:
    """Answers only to the addresses of the service and the names that it was given.

    A page from elsewhere can make a browser ask this machine under the page's own name, once
    that name leads here (DNS rebinding), and could then read what it answers.
    """

    def __init__(self, app: App, hosts: Iterable[str] = ()) -> None:
        """Initialize it.

        app (App): The service.
        hosts (Iterable[str]): Names besides its own addresses.
        """
        self._app = app
        self._hosts = {*_LOOPBACK, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = _host_name(headers.get(b"host", b"").decode("latin-1"))
            if host not in self._hosts and not _is_address_of(scope.get("server"), host):
                detail = Errors.MQ293.format(host=excerpt(host))
                await refuse(send, 421, detail)
                return
        await self._app(scope, receive, send)


class BodyGuard:
    """Refuses bodies that are larger than allowed, before they have been read."""

    def __init__(self, app: App, most: int) -> None:
        """Initialize it.

        app (App): The service.
        most (int): How many bytes a body may have.
        """
        self._app, self._most = app, most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"").lstrip(b"0")
        n_bytes, pieces = 0, []
        # Python makes no number of thousands of digits.
        is_over = declared.isdigit() and (
            len(declared) > _MOST_DIGITS or int(declared) > self._most
        )
        more = not is_over
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # whoever asked has gone
            pieces.append(message.get("body", b""))
            n_bytes += len(pieces[-1])
            is_over = n_bytes > self._most
            more = message.get("more_body", False) and not is_over
        if is_over:
            await refuse(send, 413, Errors.MQ290.format(most=self._most))
            return
        body: Optional[bytes] = b"".join(pieces)

        async def receive_body() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        await self._app(scope, receive_body, send)


async def refuse(send: Send, status: int, detail: str) -> None:
    """Answer with an error, in the form that FastAPI gives its own.

    send (Send): What takes the answer.
    status (int): Its status.
    detail (str): What is wrong.
    """
    from json import dumps

    body = dumps({"detail": detail}, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the rest of a body is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _host_name(header: str) -> str:
    """The host of a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].rstrip(".").lower()


def _is_address_of(server: Any, host: str) -> bool:
    """Whether a host is the address that the request came to: a page from elsewhere has a
    name, and an address of its own is not this one."""
    try:
        return server is not None and ip_address(server[0]) == ip_address(host)
    except ValueError:
        return False
