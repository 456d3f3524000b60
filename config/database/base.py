"""The connection: where it goes is asked when it is made, not when settings are read."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from config import embedded, postgres


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection of this process, under its own application_name."""

    def get_connection_params(self) -> dict[str, Any]:
        """Asked before each connection, so a forked process tells its own pid."""
        self._find_embedded()
        wanted = super().get_connection_params()
        wanted["application_name"] = postgres.application_name(self.settings_dict["PROCESS"])
        return wanted

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raises postgres.Unreachable instead of a driver's error of several lines."""
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            raise self._explain(error, conn_params) from error

    def _explain(self, error: Exception, wanted: dict[str, Any]) -> postgres.Unreachable:
        if data := self.settings_dict["EMBEDDED"]:
            return postgres.embedded_unreachable(error, data)
        return postgres.unreachable(error, wanted)

    def _find_embedded(self) -> None:
        if data := self.settings_dict["EMBEDDED"]:
            self.settings_dict["HOST"] = str(embedded.hold(data))
