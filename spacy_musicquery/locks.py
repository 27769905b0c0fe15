"""Locks that no process inherits while another thread holds them."""

import os
import threading
from typing import Callable, ContextManager, Optional

# Windows has no fork.
_register: Optional[Callable[..., None]] = getattr(os, "register_at_fork", None)


def fork_safe_lock() -> ContextManager[bool]:
    """Make a lock for a module to keep. A fork waits until no other thread holds it, so the
    new process finds it open, and what it guards complete. Of several, those of modules
    that are imported later are taken first, here and by whoever takes more than one.

    RETURNS (ContextManager[bool]): A lock that the thread that holds it may take again.
    """
    lock = threading.RLock()
    if _register is not None:
        _register(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
