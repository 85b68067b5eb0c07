"""Routes that FastAPI works out when they are first needed, not when the app is made.

There are over a hundred, and working one out (its parameters, its models) takes far longer than knowing its address;
most are never called in the life of a process. What finds a route is there at once; its first call has the rest worked
out, as does whoever reads more of it (the OpenAPI document). So a mistake in a route shows when the document is made.
"""

import threading
from collections.abc import Callable, Collection
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import compile_path


class DeferredRoute(APIRoute):
    """As APIRoute. Without a name it has its function's, and so has its operation in the document."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> None:
        self.path = path
        self.endpoint = endpoint
        self.name = name or endpoint.__name__
        self.methods = {method.upper() for method in methods or ("GET",)}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._options = {**options, "methods": self.methods, "name": self.name, "operation_id": self.name}
        self._working = threading.RLock()
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        """What isn't there yet, or never will be."""
        if name.startswith("__"):
            raise AttributeError(name)
        with self._working:
            if not self._begun:
                self._begun = True
                super().__init__(self.path, self.endpoint, **self._options)
            return object.__getattribute__(self, name)
