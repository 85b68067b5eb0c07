"""The PostgreSQL store's bins and what they have kept. There are few bins: their table is read whole.

Who keeps a request, or removes a bin, has the bin's row for itself meanwhile.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.console import Bin, BinRequest
from ringback.store.log_reading import LAST_SEQ
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.locks import CATALOGUE
from ringback.store.postgres.sealing import sealing
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresBins(PostgresPart):
    """`Bins` and `BinUpkeep`."""

    @tried_again
    def create_bin(self, made: Bin, bins_max: int, of_tenant_max: int) -> bool:
        with sealing(self._db) as session:
            session.rows(_SQL["lock_catalogue"], CATALOGUE.params)
            asked = {"tenant_id": made.tenant_id, "now": made.created_at}
            count, of_tenant = session.first(_SQL["count_bins"], asked)
            if count >= bins_max or of_tenant >= of_tenant_max:
                return False
            session.change(_SQL["insert_bin"], self._sealed.bin_columns(made))
            return True

    def get_bin(self, bin_id: str, now: int) -> Bin | None:
        with self._db.reading() as session:
            found = session.first(_SQL["bin_by_id"], {"id": bin_id, "now": now})
        return None if found is None else self._sealed.bin(found)

    def list_bins(self, now: int) -> Sequence[Bin]:
        with self._db.reading() as session:
            found = session.rows(_SQL["list_bins"], {"now": now})
        return [self._sealed.bin(row) for row in found]

    @tried_again
    def change_bin(self, changed: Bin) -> bool:
        with sealing(self._db) as session:
            return bool(session.change(_SQL["change_bin"], self._sealed.bin_columns(changed)))

    @tried_again
    def delete_bin(self, bin_id: str) -> bool:
        with self._db.writing() as session:
            if not session.change(_SQL["delete_bin"], {"id": bin_id}):
                return False
            session.change(_SQL["forget_bin_requests"], {"bin_id": bin_id, "number": LAST_SEQ})
            return True

    @tried_again
    def keep_request(self, request: BinRequest, requests_max: int, expires_at: int) -> int | None:
        with self._db.writing() as session:
            asked = {"bin_id": request.bin_id, "at": request.at, "expires_at": expires_at}
            found = session.first(_SQL["count_bin_request"], asked)
            if found is None:
                return None
            number: int = found[0]
            session.change(_SQL["insert_bin_request"], request._replace(number=number)._asdict())
            session.change(_SQL["forget_bin_requests"], {"bin_id": request.bin_id, "number": number - requests_max})
            return number

    def list_bin_requests(self, bin_id: str, before: int | None, limit: int) -> Sequence[BinRequest]:
        asked = {"bin_id": bin_id, "before": LAST_SEQ if before is None else before, "limit": limit}
        with self._db.reading() as session:
            return [BinRequest(*row) for row in session.rows(_SQL["list_bin_requests"], asked)]

    @tried_again
    def expire_bins_step(self, now: int, limit: int) -> int:
        removed = 0
        with self._db.writing() as session:
            for (bin_id,) in session.rows(_SQL["expired_bins"], {"now": now, "limit": limit}):
                full = session.first(_SQL["last_number_to_clear"], {"bin_id": bin_id, "limit": limit - removed})
                last = LAST_SEQ if full is None else full[0]
                removed += session.change(_SQL["forget_bin_requests"], {"bin_id": bin_id, "number": last})
                if removed == limit:
                    break
                removed += session.change(_SQL["delete_bin"], {"id": bin_id})
                if removed == limit:
                    break
        return removed
