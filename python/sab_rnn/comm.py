"""Several processes that train together: what `comm=` takes, as the library wants it.

Must not know: models, and what the messages mean.
"""

from __future__ import annotations

from typing import Any, Protocol, Sequence

from ._library import Library

Parcel = tuple[int, memoryview]
"""The other rank, and the bytes that go to it or are filled by it."""

_CHUNK = 1 << 30  # bytes of a message: MPI counts them in an int


class Exchanges(Protocol):
    """What trains together, if it is not a communicator of mpi4py: `rank` of `size`, and one method.

    It sends and receives all of these and returns when that is done; parcels from one rank to another arrive in their
    order.
    """

    rank: int
    size: int

    def exchange(self, sends: Sequence[Parcel], receives: Sequence[Parcel]) -> None: ...


class _Mpi:
    """A communicator of mpi4py."""

    def __init__(self, comm: Any) -> None:
        from mpi4py import MPI

        self._byte, self._wait, self._comm = MPI.BYTE, MPI.Request.Waitall, comm.Dup()
        self.rank, self.size = comm.Get_rank(), comm.Get_size()

    def exchange(self, sends: Sequence[Parcel], receives: Sequence[Parcel]) -> None:
        requests = [self._comm.Irecv([part, self._byte], source=rank) for rank, part in _cut(receives)]
        requests += [self._comm.Isend([part, self._byte], dest=rank) for rank, part in _cut(sends)]
        self._wait(requests)


def _cut(parcels: Sequence[Parcel]) -> list[Parcel]:
    return [(rank, data[at:at + _CHUNK]) for rank, data in parcels for at in range(0, len(data), _CHUNK)]


def shared(build: Library, comm: Any) -> Any:
    """The library's table for comm, alive as long as it is held."""
    ffi, ranks = build.ffi, comm if hasattr(comm, "exchange") else _Mpi(comm)

    def parcels(of: Any, n: int) -> list[Parcel]:
        return [(of[i].rank, memoryview(ffi.buffer(of[i].data, of[i].nbytes))) for i in range(n)]

    def exchange(_: Any, sends: Any, n_sends: int, receives: Any, n_receives: int) -> int:
        ranks.exchange(parcels(sends, n_sends), parcels(receives, n_receives))
        return 0

    kind = "int(void *, const struct sab_parcel *, int, const struct sab_parcel *, int)"
    callback = ffi.callback(kind, exchange, error=1)
    table = build.sized("struct sab_comm", rank=ranks.rank, ranks=ranks.size, exchange=callback)
    return build.own(table, lambda _: None, callback, ranks)
