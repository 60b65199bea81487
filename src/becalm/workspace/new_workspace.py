"""Making the folder of a workspace, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from becalm.terms import WorkspaceError
from becalm.workspace.config import CONFIG, Config, Workspace, write_config


def make_folder(
    path: Path, config: Config, boundaries: str | None, *, copies: Mapping[str, Path] | None = None
) -> Workspace:
    """Make the workspace's folder with what stands in it from the first; becalm.toml comes last.

    `copies` are files that it begins with, by the name that each has there.

    Raises
    ------
    WorkspaceError
        where the folder is a workspace already, holds a part of one, or cannot be written.
    """
    made = Workspace(path, config)
    if (path / CONFIG).exists():
        raise WorkspaceError(f"{path} is a workspace already. Use it as it is, or name another folder.")
    given = dict(copies or {})
    for part in (made.archive_path, made.boundaries_path, *(path / name for name in given)):
        if part.exists():
            raise WorkspaceError(
                f"{path} is no workspace, but holds {part.name}. Move it away, or name another folder."
            )
    try:
        path.mkdir(parents=True, exist_ok=True)
        if boundaries is not None:
            _put(made.boundaries_path, boundaries.encode("utf-8"))
        for name, file in given.items():
            _put(path / name, file.read_bytes())
        write_config(path, config)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error}). Name a folder of your own.") from error
    return made


def _put(path: Path, content: bytes) -> None:
    """Write a file under another name first, so that it is there whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
