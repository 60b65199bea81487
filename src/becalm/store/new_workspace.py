"""Making the folder of a workspace, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from becalm.store.workspace import CONFIG, Config, Workspace, write_config
from becalm.terms.errors import WorkspaceError


def make_folder(path: Path, config: Config, boundaries: str | None) -> Workspace:
    """Make the workspace's folder with what stands in it from the first; becalm.toml comes last.

    Raises
    ------
    WorkspaceError
        where the folder is a workspace already, holds a part of one, or cannot be written.
    """
    made = Workspace(path, config)
    if (path / CONFIG).exists():
        raise WorkspaceError(f"{path} is a workspace already. Use it as it is, or name another folder.")
    for part in (made.archive_path, made.boundaries_path):
        if part.exists():
            raise WorkspaceError(
                f"{path} is no workspace, but holds {part.name}. Move it away, or name another folder."
            )
    try:
        path.mkdir(parents=True, exist_ok=True)
        if boundaries is not None:
            fresh = path / f".{made.boundaries_path.name}.new"
            fresh.write_text(boundaries, "utf-8")
            fresh.replace(made.boundaries_path)
        write_config(path, config)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error}). Name a folder of your own.") from error
    return made
