"""Files handed out as they are: style sheets, scripts, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.file_system import BaseLocalFileSystem
from litestar.static_files import create_static_files_router

if TYPE_CHECKING:
    from pathlib import Path

    from litestar import Router
    from litestar.types import FileInfo
    from litestar.types.composite_types import PathType


class _Files(BaseLocalFileSystem):
    """A name no file can have is one that is not there: with a NUL, or too long."""

    async def info(self, path: PathType, **more: Any) -> FileInfo:
        try:
            return await super().info(path, **more)
        except (OSError, ValueError) as error:
            raise FileNotFoundError(path) from error


def files(path: str, folder: Path) -> Router:
    """The files of a folder below a path."""
    return create_static_files_router(path=path, directories=[folder], file_system=_Files())
