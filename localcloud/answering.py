"""A request to a service on its way to an answer: found, checked, befallen by trouble, done and listed.

One request at a time changes the state; what waits for a function is done without the lock. Knows no HTTP
library and no service.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.dispatch import Dispatcher, Target, action_of, decoded_body, refuse_unknown
from localcloud.errors import Refusal, SeedError
from localcloud.message import Request, Response
from localcloud.services.base import (
    NOT_IMPLEMENTED,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    Work,
    invalid,
    upper_camel_error,
)
from localcloud.signatures import claim_of, trigger_claim_of
from localcloud.world import Turn, World

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


class Responder:
    """Answers requests to the services of the present world.

    Args:
        world: the present one; a reset makes another.
        lock: held while a request changes the state.
        moment: the present one of the state clock.
        wall_clock: what the dates of signatures are judged by.
        signed: whether services look at signatures.
    """

    def __init__(
        self,
        world: Callable[[], World],
        lock: threading.RLock,
        moment: Callable[[], Moment],
        wall_clock: Callable[[], float],
        *,
        signed: bool,
    ) -> None:
        self._world = world
        self._lock = lock
        self._moment = moment
        self._wall_clock = wall_clock
        self._signed = signed
        self._dispatcher = Dispatcher()

    def answer(self, request: Request) -> Response:
        """Answers one request and puts it on the list of calls."""
        turn = Turn(request, self._dispatcher.service_of(request), action_of(request))
        with self._lock:
            world = self._world()
            try:
                target = self._dispatcher.target(request, turn.service)
                turn.action = target.operation.action
                result, turn.code = self._serve(world, target, turn)
            except Refusal as refusal:
                result, turn.code = _refused(world, refusal, turn)
            if isinstance(result, Response):
                return self._recorded(world, turn, result)
        # What an action waits for may itself call this cloud.
        try:
            response = result()
        except Refusal as refusal:
            response, turn.code = _refused(world, refusal, turn)
        with self._lock:
            return self._recorded(world, turn, response)

    def check_trigger(self, request: Request) -> None:
        """Returns when a request to an HTTP trigger is well signed; else Refusal with the gateway's code."""
        with self._lock:
            world = self._world()
            claim = trigger_claim_of(request, world.behaviour.trigger_payload)
            world.verifier.verify(claim, world.keyring(), self._wall_clock())

    def _recorded(self, world: World, turn: Turn, response: Response) -> Response:
        """The answer as it is sent, after the call was put on the list of its world."""
        if turn.fault is not None:
            response = turn.fault.dressed(response)
        world.calls.append(
            {
                "service": turn.service,
                "action": turn.action,
                "method": turn.request.method,
                "path": turn.request.path,
                "status": response.status,
                "code": turn.code,
                "requestId": turn.request_id,
                "at": iso_time(self._moment().now),
            }
        )
        date = formatdate(self._wall_clock(), usegmt=True)
        own = {"date": date, world.id_header(turn.service): turn.request_id}
        headers = {**own, **response.headers}
        if turn.request.method != "HEAD":
            return replace(response, headers=headers)
        length = {"content-length": str(len(response.body))}
        return replace(response, headers={**length, **headers}, body=b"")

    def _serve(self, world: World, target: Target, turn: Turn) -> tuple[Response | Work, str]:
        """The answer of a supported action to a well signed request, and the code of its failure if any."""
        request, operation = turn.request, target.operation
        if self._signed:
            claim = claim_of(request, operation.service)
            world.verifier.verify(claim, world.keyring(), self._wall_clock())
            turn.caller = claim.access_key_id
        service = world.services[operation.service]
        handler = service.actions.get(operation.action)
        if handler is None:
            raise Refusal(
                501,
                NOT_IMPLEMENTED,
                f"{operation.action} exists, but the local cloud does not have it; "
                f"of {service.name} it has {', '.join(sorted(service.actions))}.",
            )
        moment = self._moment()
        denial = world.throttle.admit(moment.behaviour.limits, operation, turn.caller, moment.now)
        if denial is not None:
            raise denial.refusal(service.error_codes)
        refuse_unknown(operation, "query parameters", operation.unknown_query(target.query))
        call = Call(
            operation=operation,
            moment=moment,
            request_id=turn.request_id,
            region=target.region,
            path=target.path,
            query=target.query,
            body=decoded_body(request, operation),
            content=request.body,
            headers=request.headers,
            access_key_id=turn.caller,
        )
        fault = world.faults.take(service.name, operation.action, request.path, turn.caller)
        if fault is None:
            return _handled(handler, call), ""
        turn.fault = fault
        call = replace(call, refused_items=fault.items, failing_items=fault.task_items)
        if not fault.fails:
            return _handled(handler, call), ""
        refusal = fault.refusal()
        failure, code = fault.raw_response(), refusal.code
        if failure is None:
            failure, code = _refused(world, refusal, turn)
        if fault.effect == "after":
            with contextlib.suppress(Refusal):
                return _instead(_handled(handler, call), failure), code
        return failure, code


def _refused(world: World, refusal: Refusal, turn: Turn) -> tuple[Response, str]:
    """A refusal in the shape and with the codes of the service, and its code there."""
    known = world.services.get(turn.service)
    codes = known.error_codes if known is not None else SAME_CODES
    told = refusal.status
    if refusal.code == "InvalidAccessKeyId.NotFound":
        told = world.behaviour.unknown_key_status
    elif refusal.code == "SignatureDoesNotMatch":
        told = world.behaviour.wrong_signature_status
    status, code = codes.get(refusal.code, (told, refusal.code))
    spelled = Refusal(status, code, refusal.message, details=refusal.details)
    error_response = known.error_response if known is not None else upper_camel_error
    answer = error_response(spelled, turn.request_id, turn.request.header("host"))
    return replace(answer, headers={**answer.headers, **refusal.headers}), code


def _instead(result: Response | Work, failure: Response) -> Response | Work:
    """The failure in the place of an answer, now or when that is there."""
    if isinstance(result, Response):
        return failure

    def work() -> Response:
        with contextlib.suppress(Refusal):
            result()
        return failure

    return work


def _handled(handler: Handler, call: Call) -> Response | Work:
    """What the action answers; a body that would be no valid record is refused as the vendor refuses it."""
    try:
        return handler(call)
    except SeedError as error:
        raise invalid("body", f"is not valid: {error}") from None
