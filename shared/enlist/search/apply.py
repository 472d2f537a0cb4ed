"""The only write between Elasticsearch instances: AddConnectableCluster. Plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.elasticsearch import AddConnectableClusterRequest, ElasticsearchClient, client_token
from enlist.outcomes import Outcome, Result
from enlist.troubles import result_of
from fctoolkit.errors import ApiError

if TYPE_CHECKING:
    from enlist.search.plan import Connect
    from fctoolkit.clock import Clock

GENERATION_SECONDS = 3600
"""One generation of tokens, so that a repeat within it is the same request to the vendor.

After a disconnect, connecting again takes effect in the next generation at the latest, however long the
vendor remembers a token."""


class SearchApplier:
    """Connects the pairs a plan asks for."""

    def __init__(self, client: ElasticsearchClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def connect(self, action: Connect) -> tuple[Outcome, bool]:
        """The outcome of one pair, and whether it may be connected now.

        API errors become outcomes, they are not raised.
        """
        first, second = action.pair
        generation = str(int(self._clock.now() // GENERATION_SECONDS))
        request = AddConnectableClusterRequest(
            instance_id=first, remote_id=second, client_token=client_token(first, second, generation)
        )
        started = self._clock.monotonic()
        try:
            answer = self._client.add_connectable_cluster(action.binding.region, request)
        except ApiError as error:
            result, reason = self._after_error(action, error)
            taken = result is Result.CONNECTED or error.failure.maybe_done
            return self._outcome(action, result, reason, error.failure.request_id, started), taken
        if not answer.result:
            reason = "Elasticsearch answered 200 with Result false: nothing was configured"
            return self._outcome(action, Result.FAILED, reason, answer.request_id, started), False
        if self._is_there(action):
            return self._outcome(action, Result.CONNECTED, "connected now", answer.request_id, started), True
        reason = (
            "accepted, but not listed as connected; a connection that was taken away within the hour comes "
            "back in the next one"
        )
        return self._outcome(action, Result.DEFERRED, reason, answer.request_id, started), True

    def _after_error(self, action: Connect, error: ApiError) -> tuple[Result, str]:
        if error.failure.maybe_done and self._is_there(action):
            return Result.CONNECTED, f"the answer does not say so, but the connection is there: {error}"
        return result_of(error), str(error)

    def _is_there(self, action: Connect) -> bool:
        """Whether the connection is listed. An accepted call alone can be a swallowed repeat."""
        try:
            return action.peer_id in self._client.list_connected_clusters(
                action.binding.region, action.instance_id
            )
        except ApiError:
            return False

    def _outcome(
        self, action: Connect, result: Result, reason: str, request_id: str, started: float
    ) -> Outcome:
        return Outcome(
            action.instance_id,
            result,
            reason,
            action.binding.name,
            action.peer_id,
            request_id=request_id,
            duration_ms=round((self._clock.monotonic() - started) * 1000),
        )
