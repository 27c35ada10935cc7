"""stub"""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def held() -> Iterator[None]:
    yield


def check() -> None: ...
