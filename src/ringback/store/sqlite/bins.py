"""The SQLite store's bins and what they have kept. There are few bins: their table is read whole."""

from collections.abc import Sequence
from typing import Final

from ringback.model.console import Bin, BinRequest
from ringback.store.log_reading import LAST_SEQ
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart, change, first, rows

_SQL: Final = load("sqlite")


class SqliteBins(SqlitePart):
    """`Bins` and `BinUpkeep`."""

    def create_bin(self, made: Bin, bins_max: int, of_tenant_max: int) -> bool:
        with self._writer.transaction() as connection:
            asked = {"tenant_id": made.tenant_id, "now": made.created_at}
            count, of_tenant = first(connection, _SQL["count_bins"], asked)
            if count >= bins_max or of_tenant >= of_tenant_max:
                return False
            connection.execute(_SQL["insert_bin"], self._sealed.bin_columns(made))
            return True

    def get_bin(self, bin_id: str, now: int) -> Bin | None:
        found = self._read(_SQL["bin_by_id"], {"id": bin_id, "now": now})
        return self._sealed.bin(found[0]) if found else None

    def list_bins(self, now: int) -> Sequence[Bin]:
        return [self._sealed.bin(row) for row in self._read(_SQL["list_bins"], {"now": now})]

    def change_bin(self, changed: Bin) -> bool:
        with self._writer.transaction() as connection:
            return bool(change(connection, _SQL["change_bin"], self._sealed.bin_columns(changed)))

    def delete_bin(self, bin_id: str) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["delete_bin"], {"id": bin_id}):
                return False
            connection.execute(_SQL["forget_bin_requests"], {"bin_id": bin_id, "number": LAST_SEQ})
            return True

    def keep_request(self, request: BinRequest, requests_max: int, expires_at: int) -> int | None:
        with self._writer.transaction() as connection:
            asked = {"bin_id": request.bin_id, "at": request.at, "expires_at": expires_at}
            found = first(connection, _SQL["count_bin_request"], asked)
            if found is None:
                return None
            number: int = found[0]
            connection.execute(_SQL["insert_bin_request"], request._replace(number=number)._asdict())
            connection.execute(_SQL["forget_bin_requests"], {"bin_id": request.bin_id, "number": number - requests_max})
            return number

    def list_bin_requests(self, bin_id: str, before: int | None, limit: int) -> Sequence[BinRequest]:
        asked = {"bin_id": bin_id, "before": LAST_SEQ if before is None else before, "limit": limit}
        found = self._read(_SQL["list_bin_requests"], asked)
        return [_request(row) for row in found]

    def expire_bins_step(self, now: int, limit: int) -> int:
        asked = {"now": now, "limit": limit}
        if not self._read(_SQL["expired_bins"], asked):
            return 0
        removed = 0
        with self._writer.transaction() as connection:
            for (bin_id,) in rows(connection, _SQL["expired_bins"], asked):
                step = {"bin_id": bin_id, "limit": limit - removed}
                full = first(connection, _SQL["last_number_to_clear"], step)
                last = LAST_SEQ if full is None else full[0]
                removed += change(connection, _SQL["forget_bin_requests"], {"bin_id": bin_id, "number": last})
                if removed == limit:
                    break
                removed += change(connection, _SQL["delete_bin"], {"id": bin_id})
                if removed == limit:
                    break
        return removed


def _request(row: tuple[object, ...]) -> BinRequest:
    request = BinRequest(*row)  # type: ignore[arg-type]  # as the columns are declared
    return request._replace(truncated=bool(request.truncated))
