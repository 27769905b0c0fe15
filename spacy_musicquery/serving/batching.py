"""Requests that wait for each other: what comes in while the model is at work is worked on
together next. Nobody waits for others to come."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Sequence, Tuple

Found = List[Dict[str, Any]]


class Batcher:
    """Runs a function on the texts of several requests at once, in a thread of its own, so
    that the server goes on answering."""

    def __init__(self, extract: Callable[[Sequence[str]], Found], most: int) -> None:
        """Initialize it.

        extract (Callable[[Sequence[str]], List[Dict[str, Any]]]): What finds queries.
        most (int): How many texts it gets at a time, unless one request has more.
        """
        self._extract = extract
        self._most = most
        self._waiting: List[Tuple[Sequence[str], asyncio.Future[Found]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="music-query")
        self._is_running = False

    async def submit(self, texts: Sequence[str]) -> Found:
        """Find the queries of texts.

        texts (Sequence[str]): The texts.
        RETURNS (List[Dict[str, Any]]): What was found in each.
        """
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, future))
        self._run_next()
        return await future

    def close(self) -> None:
        """End the thread, when it is done."""
        self._thread.shutdown()

    def _run_next(self) -> None:
        if self._is_running or not self._waiting:
            return
        self._is_running = True
        n_requests, n_texts = 0, 0
        for texts, _ in self._waiting:
            if n_requests and n_texts + len(texts) > self._most:
                break
            n_requests, n_texts = n_requests + 1, n_texts + len(texts)
        requests, self._waiting = self._waiting[:n_requests], self._waiting[n_requests:]
        together = [text for texts, _ in requests for text in texts]
        running = asyncio.get_running_loop().run_in_executor(
            self._thread, self._extract, together
        )
        running.add_done_callback(lambda done: self._answer(requests, done))

    def _answer(
        self,
        requests: List[Tuple[Sequence[str], "asyncio.Future[Found]"]],
        done: "asyncio.Future[Found]",
    ) -> None:
        self._is_running = False
        self._run_next()
        error = done.exception()
        found = iter(() if error else done.result())
        for texts, future in requests:
            if future.cancelled():  # whoever asked has gone
                for _ in texts:
                    next(found, None)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result([next(found) for _ in texts])
