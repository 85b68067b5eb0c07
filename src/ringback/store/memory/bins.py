"""The memory store's bins and what they have kept."""

from collections.abc import Sequence

from ringback.model.console import Bin, BinRequest
from ringback.store.memory.tables import MemoryPart, MemoryTables, refuse_bad_rows


class MemoryBins(MemoryPart):
    """`Bins` and `BinUpkeep`."""

    def create_bin(self, made: Bin, bins_max: int, of_tenant_max: int) -> bool:
        refuse_bad_rows([made])
        with self._tables as tables:
            there = [one for one in tables.bins.values() if one.expires_at > made.created_at]
            of_tenant = sum(one.tenant_id == made.tenant_id for one in there)
            if len(there) >= bins_max or of_tenant >= of_tenant_max:
                return False
            tables.bins[made.id] = made
            return True

    def get_bin(self, bin_id: str, now: int) -> Bin | None:
        with self._tables as tables:
            found = tables.bins.get(bin_id)
            return found if found is not None and found.expires_at > now else None

    def list_bins(self, now: int) -> Sequence[Bin]:
        with self._tables as tables:
            there = [one for one in tables.bins.values() if one.expires_at > now]
            return sorted(there, key=lambda one: one.id, reverse=True)

    def change_bin(self, changed: Bin) -> bool:
        refuse_bad_rows([changed])
        with self._tables as tables:
            known = tables.bins.get(changed.id)
            if known is None:
                return False
            tables.bins[changed.id] = changed._replace(
                tenant_id=known.tenant_id, created_at=known.created_at, requests=known.requests
            )
            return True

    def delete_bin(self, bin_id: str) -> bool:
        with self._tables as tables:
            tables.bin_requests.pop(bin_id, None)
            return tables.bins.pop(bin_id, None) is not None

    def keep_request(self, request: BinRequest, requests_max: int, expires_at: int) -> int | None:
        refuse_bad_rows([request])
        with self._tables as tables:
            known = tables.bins.get(request.bin_id)
            if known is None or known.expires_at <= request.at:
                return None
            number = known.requests + 1
            tables.bins[known.id] = known._replace(requests=number, expires_at=max(known.expires_at, expires_at))
            kept = tables.bin_requests.setdefault(known.id, [])
            kept.append(request._replace(number=number))
            del kept[:-requests_max]
            return number

    def list_bin_requests(self, bin_id: str, before: int | None, limit: int) -> Sequence[BinRequest]:
        with self._tables as tables:
            kept = tables.bin_requests.get(bin_id, ())
            return [one for one in reversed(kept) if before is None or one.number < before][:limit]

    def expire_bins_step(self, now: int, limit: int) -> int:
        with self._tables as tables:
            removed = 0
            for doomed in sorted(one.id for one in tables.bins.values() if _is_over(tables, one, now)):
                kept = tables.bin_requests.get(doomed, [])
                going = min(len(kept), limit - removed)
                del kept[:going]
                removed += going
                if removed == limit:
                    break
                tables.bin_requests.pop(doomed, None)
                del tables.bins[doomed]
                removed += 1
                if removed == limit:
                    break
            return removed


def _is_over(tables: MemoryTables, one: Bin, now: int) -> bool:
    return one.expires_at <= now or (one.tenant_id is not None and one.tenant_id not in tables.tenants)
