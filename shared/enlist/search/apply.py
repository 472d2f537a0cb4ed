"""The only write between Elasticsearch instances: AddConnectableCluster. Plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.elasticsearch import (
    AddConnectableClusterAnswer,
    AddConnectableClusterRequest,
    ElasticsearchClient,
    client_token,
)
from enlist.outcomes import Outcome, Result
from enlist.search.view import Pair, resource_of
from enlist.troubles import concerns_all, result_of
from fctoolkit.errors import ApiError

if TYPE_CHECKING:
    from enlist.bindings.model import SearchBinding
    from enlist.ledger import Hold, Ledger
    from enlist.search.plan import Connect
    from fctoolkit.clock import Clock
    from fctoolkit.jsontypes import JsonObject

GENERATION_SECONDS = 3600
"""One generation of tokens, so that a repeat within it is the same request to the vendor.

After a disconnect, connecting again takes effect in the next generation at the latest, however long the
vendor remembers a token."""


class SearchApplier:
    """Connects the pairs a plan asks for, each under a claim of its own."""

    def __init__(self, client: ElasticsearchClient, ledger: Ledger, clock: Clock) -> None:
        self._client = client
        self._ledger = ledger
        self._clock = clock

    def connect(self, action: Connect) -> tuple[Outcome, bool]:
        """The outcome of one pair, and whether it may be connected now.

        API errors become outcomes, they are not raised.
        """
        hold = self._ledger.claim(resource_of(action.pair), retried=action.retry)
        if isinstance(hold, Outcome):
            return self._outcome(action, hold, self._clock.monotonic()), hold.result is Result.DEFERRED
        first, second = action.pair
        generation = str(int(self._clock.now() // GENERATION_SECONDS))
        request = AddConnectableClusterRequest(
            instance_id=first, remote_id=second, client_token=client_token(first, second, generation)
        )
        started = self._clock.monotonic()
        try:
            answer = self._client.add_connectable_cluster(action.binding.region, request)
        except ApiError as error:
            verdict, taken = self._after_error(action, hold, error)
            request_id = error.failure.request_id
        else:
            verdict, taken = self._after_answer(action, hold, answer)
            request_id = answer.request_id
        verdict = verdict._replace(request_id=request_id, attempts=hold.attempts)
        return self._outcome(action, verdict, started), taken

    def _after_answer(
        self, action: Connect, hold: Hold, answer: AddConnectableClusterAnswer
    ) -> tuple[Outcome, bool]:
        if not answer.result:
            reason = "Elasticsearch answered 200 with Result false: nothing was configured"
            hold.failed(reason)
            return Outcome.verdict(Result.FAILED, reason), False
        if self._is_there(action):
            hold.done(kept_of(action.binding, action.pair, answer.request_id))
            return Outcome.verdict(Result.CONNECTED, "connected now"), True
        reason = (
            "accepted, but not listed as connected; a connection that was taken away within the hour comes "
            "back in the next one"
        )
        hold.give_back()
        return Outcome.verdict(Result.DEFERRED, reason), True

    def _after_error(self, action: Connect, hold: Hold, error: ApiError) -> tuple[Outcome, bool]:
        unclear = error.failure.maybe_done
        if unclear and self._is_there(action):
            hold.done(kept_of(action.binding, action.pair, error.failure.request_id))
            reason = f"the answer does not say so, but the connection is there: {error}"
            return Outcome.verdict(Result.CONNECTED, reason), True
        result = result_of(error)
        at_fault = unclear or (result is Result.REJECTED and not concerns_all(error))
        if at_fault and result is not Result.DEFERRED:
            # A repeat is the same request to the service, so nobody has to wait for the lease.
            hold.failed(str(error), maybe_done=unclear)
        else:
            # An earlier copy that is under way is nobody's fault, though it leaves the end unclear.
            hold.give_back()
        return Outcome.verdict(result, str(error)), unclear

    def _is_there(self, action: Connect) -> bool:
        """Whether the connection is listed. An accepted call alone can be a swallowed repeat."""
        try:
            return action.peer_id in self._client.list_connected_clusters(
                action.binding.region, action.instance_id
            )
        except ApiError:
            return False

    def _outcome(self, action: Connect, verdict: Outcome, started: float) -> Outcome:
        return verdict._replace(
            instance_id=action.instance_id,
            binding=action.binding.name,
            target=action.peer_id,
            duration_ms=round((self._clock.monotonic() - started) * 1000),
        )


def kept_of(binding: SearchBinding, pair: Pair, request_id: str = "") -> JsonObject:
    """What is kept of a connection."""
    return {"target": pair[1], "region": binding.region, "requestId": request_id}
