"""`/v1/backups` and `/v1/restores`: take, prove and restore, as runs with progress."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody
from litestar.plugins.problem_details import ProblemDetailsException

from jobs.backup.target import parse_target
from service.core.model.backups import (
    BackupList,
    BackupRequest,
    Begun,
    RestoreRequest,
    Run,
)
from service.routes.body import StrictBody
from service.routes.responses import problems
from service.services import Services
from service.web.access import all_namespaces_only


class BackupRoutes(Controller):
    """Everything about backups, for keys of all namespaces with the scope admin."""

    path = "/v1"
    tags = ("backups",)
    dto = StrictBody
    return_dto = None
    opt = {"scope": "admin"}  # noqa: RUF012 - as Litestar declares it
    guards = (all_namespaces_only,)

    @get("/backups", summary="The backups", operation_id="list_backups", responses=problems())
    async def list_backups(self, services: Services) -> BackupList:
        """Chains, sizes, the instants they restore, the last proof; and the latest runs."""
        return BackupList(
            backups=await services.backups.backups(), runs=await services.backups.runs()
        )

    @post(
        "/backups",
        status_code=202,
        summary="Take a backup",
        operation_id="take_backup",
        responses=problems(404, 409, 413),
    )
    async def take_backup(self, data: JSONBody[BackupRequest], services: Services) -> Begun:
        """Begin a backup."""
        run = await services.backups.begin("backup", {"kind": data.kind})
        return Begun(run=run)

    @post(
        "/backups/{backup_id:str}/verify",
        status_code=202,
        summary="Verify a backup",
        operation_id="verify_backup",
        responses=problems(404, 409),
    )
    async def verify_backup(self, backup_id: FromPath[str], services: Services) -> Begun:
        """Begin to read a backup in full."""
        return Begun(run=await services.backups.begin("verify", {"id": backup_id}))

    @post(
        "/backups/drill",
        status_code=202,
        summary="Prove the newest chain",
        operation_id="drill_backup",
        responses=problems(404, 409),
    )
    async def drill_backup(self, services: Services) -> Begun:
        """Begin to restore the newest chain aside, to check and compare it."""
        return Begun(run=await services.backups.begin("drill", {}))

    @get(
        "/backups/runs/{run_id:uuid}",
        summary="A run",
        operation_id="backup_run",
        responses=problems(404),
    )
    async def run(self, run_id: FromPath[UUID], services: Services) -> Run:
        """How a backup, verification, restore or drill gets on, or ended."""
        rows = await services.backups.runs(run_id)
        if not rows:
            raise ProblemDetailsException(
                status_code=404,
                title="there is no such run",
                detail=f"Asked for {run_id}.",
                extra={"code": "ML404", "hint": "GET /v1/backups"},
            )
        return rows[0]

    @post(
        "/restores",
        status_code=202,
        summary="Restore an instant",
        operation_id="restore",
        responses=problems(404, 409, 413),
    )
    async def restore(self, data: JSONBody[RestoreRequest], services: Services) -> Begun:
        """Begin to restore beside the live database; it is held back until it is released."""
        target = parse_target(
            data.to, data.name, data.lsn, latest=data.latest, exclusive=data.exclusive
        )
        request: dict[str, Any] = msgspec.to_builtins(data)
        return Begun(run=await services.backups.begin_restore(target, data.into, request))
