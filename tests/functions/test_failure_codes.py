"""What each of the vendor's codes leads to, wherever it is answered.

A failure lasts for as many calls as the product may make. One call more would go well, and one fewer would
leave trouble to the next run, so the numbers are exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.errors import ApiError
from fctoolkit.retry import FailureKind
from localcloud.conditions.faults import Fault
from tests.support.product import ENS_ID, ES_ID, HUB_ID, Product, custom_event, ens_instance, seed, state_of
from tests.support.remembering import record, remember
from tests.support.vendor_codes import CODES, Code

if TYPE_CHECKING:
    from collections.abc import Iterable

THROTTLED, TRANSIENT, BUSY = FailureKind.THROTTLED, FailureKind.TRANSIENT, FailureKind.BUSY
UNDER_WAY, NO_ROOM = FailureKind.UNDER_WAY, FailureKind.NO_ROOM
EXPIRED_DATE, NONCE_USED = FailureKind.EXPIRED_DATE, FailureKind.NONCE_USED
BAD_CREDENTIALS, ACCESS_DENIED = FailureKind.BAD_CREDENTIALS, FailureKind.ACCESS_DENIED
PERMANENT = FailureKind.PERMANENT


@dataclass(frozen=True)
class Expected:
    """What comes of a failure that lasts: how many calls are sent, the result, a look after the last call."""

    sent: int
    result: str
    looks: bool = False


LOOK = {
    THROTTLED: Expected(4, "deferred"),
    TRANSIENT: Expected(4, "failed"),
    BUSY: Expected(1, "deferred"),
    UNDER_WAY: Expected(1, "deferred"),
    NO_ROOM: Expected(1, "deferred"),
    EXPIRED_DATE: Expected(2, "failed"),
    NONCE_USED: Expected(4, "failed"),
    BAD_CREDENTIALS: Expected(1, "failed"),
    ACCESS_DENIED: Expected(1, "failed"),
    PERMANENT: Expected(1, "rejected"),
}
"""A look that is needed before a write."""

ATTACH = {
    **LOOK,
    TRANSIENT: Expected(1, "failed", looks=True),
    NONCE_USED: Expected(1, "failed", looks=True),
}
"""AttachInstances, which has no token: never sent again when it may have arrived."""

CONNECT = {
    **LOOK,
    TRANSIENT: Expected(4, "failed", looks=True),
    NONCE_USED: Expected(4, "failed", looks=True),
    UNDER_WAY: Expected(1, "deferred", looks=True),
}
"""AddConnectableCluster, whose token makes a repeat the same request."""


@dataclass(frozen=True)
class Place:
    """A call at which a failure is tried."""

    service: str
    action: str
    expected: dict[FailureKind, Expected]

    @property
    def is_edge(self) -> bool:
        """Whether attach_instances makes the call, and not add_connectable_cluster."""
        return self.service != "elasticsearch"


LOOKS = (
    Place("cs", "DescribeClusterDetail", LOOK),
    Place("elasticsearch", "ListConnectedClusters", LOOK),
)
WRITES = (
    Place("cs", "AttachInstances", ATTACH),
    Place("elasticsearch", "AddConnectableCluster", CONNECT),
)
FIRST = Place("ens", "DescribeInstances", LOOK)
"""The first look concerns all machines alike: its errors are raised, whatever they are."""

OF_ALL = (
    "InvalidApi.NotFound",
    "UnsupportedHTTPMethod",
    "ErrorClusterNotFound",
    "ErrorNodePoolNotFound",
    "DependencyResourceExist",
)
"""Refusals that have nothing to do with the one instance that was asked for."""

DOUBTFUL = (TRANSIENT, NONCE_USED, UNDER_WAY)
"""After these a write may have been done."""


def cases(
    *places: Place, kinds: Iterable[FailureKind] = tuple(FailureKind), every_status: bool = False
) -> Any:
    """Each code at each of the places where it may be answered, with one or each of its statuses."""
    return pytest.mark.parametrize(
        ("place", "code", "status"),
        [
            pytest.param(place, code, status, id=f"{place.action}-{code.name}-{status}")
            for place in places
            for code in CODES
            if place.service in code.services and code.kind in kinds
            for status in (code.statuses if every_status else code.statuses[:1])
        ],
    )


def trouble(product: Product, place: Place, code: Code, status: int, *, times: int = 1, **more: Any) -> None:
    """Lets calls of the place fail."""
    product.cloud.add_fault(
        Fault.model_validate(
            {
                "service": place.service,
                "action": place.action,
                "status": status,
                "code": code.name,
                "times": times,
                **more,
            }
        )
    )


def run(product: Product, place: Place) -> tuple[str, bool]:
    """Delivers an event to the function: the result for the one instance, and whether the function raised."""
    deliver = product.attach if place.is_edge else product.connect
    event = custom_event(ENS_ID) if place.is_edge else custom_event(ES_ID, kind="search")
    try:
        (outcome,) = deliver(event)["outcomes"]
    except NotSettledError as error:
        told = re.findall(r"1 of 1 not settled: \S+ (\w+): ", str(error))
        return "".join(told), True
    return str(outcome["result"]), False


def effects(product: Product, place: Place) -> int:
    """How often the write took effect, as the cloud counted."""
    if place.is_edge:
        return int(state_of(product.cloud, "ens", ENS_ID)["attachCount"])
    return int(state_of(product.cloud, "elasticsearch", ES_ID)["connectCount"].get(HUB_ID, 0))


def actions(product: Product) -> list[str]:
    """All calls so far."""
    return [str(call["action"]) for call in product.cloud.calls]


@cases(*LOOKS, *WRITES, every_status=True)
def test_what_a_code_leads_to(product: Product, place: Place, code: Code, status: int) -> None:
    """The call is repeated as often as its code allows, and ends in the outcome that the code means."""
    expected = place.expected[code.kind]
    trouble(product, place, code, status, times=expected.sent)
    result, raised = run(product, place)
    assert (actions(product).count(place.action), result) == (expected.sent, expected.result)
    assert raised == (expected.result in ("rejected", "failed"))
    assert effects(product, place) == 0


@cases(*WRITES)
def test_who_looks_again(product: Product, place: Place, code: Code, status: int) -> None:
    """The function looks after a write that may have been done, and after no other."""
    expected = place.expected[code.kind]
    trouble(product, place, code, status, times=expected.sent)
    run(product, place)
    calls = actions(product)
    after = calls[len(calls) - calls[::-1].index(place.action) :]
    assert bool(after) == expected.looks


@cases(*LOOKS, *WRITES)
def test_the_next_run_acts(product: Product, place: Place, code: Code, status: int) -> None:
    """When the trouble is over, the next delivery does what was not done, once."""
    trouble(product, place, code, status, times=place.expected[code.kind].sent)
    run(product, place)
    assert run(product, place)[0] == ("attaching" if place.is_edge else "connected")
    assert effects(product, place) == 1


@cases(*WRITES, kinds=DOUBTFUL)
def test_a_write_that_was_done_all_the_same_is_found(
    product: Product, place: Place, code: Code, status: int
) -> None:
    """A code after which the write may have been done does not hide that it was, and brings no second one."""
    trouble(product, place, code, status, effect="after")
    assert run(product, place) == ("attaching" if place.is_edge else "connected", False)
    assert effects(product, place) == 1


@cases(*WRITES)
def test_what_counts_as_an_attempt(product: Product, place: Place, code: Code, status: int) -> None:
    """With a store, an unclear end and a refusal of the instance itself bring it nearer to quarantine."""
    store = remember(product)
    trouble(product, place, code, status, times=place.expected[code.kind].sent)
    run(product, place)
    resource = ENS_ID if place.is_edge else ":".join(sorted((ES_ID, HUB_ID)))
    kept = record(store, resource, search=not place.is_edge)
    counts = code.kind in (TRANSIENT, NONCE_USED, PERMANENT) and code.name not in OF_ALL
    assert kept is not None
    assert kept["attempts"] == int(counts)


@cases(FIRST)
def test_a_first_look_that_fails_is_raised(product: Product, place: Place, code: Code, status: int) -> None:
    """Without facts nothing can be settled: the code is raised, so that the platform delivers again."""
    sent = place.expected[code.kind].sent
    trouble(product, place, code, status, times=sent)
    with pytest.raises(ApiError, match=re.escape(code.name)):
        run(product, place)
    assert actions(product) == [place.action] * sent
    assert run(product, place) == ("attaching", False)


@cases(FIRST)
def test_a_failure_inside_a_200_is_one(product: Product, place: Place, code: Code, status: int) -> None:
    """ENS tells failures in an answer's own Code, too: raised, not taken for an account without machines."""
    del status
    trouble(product, place, code, 200, body=f'{{"Code": "{code.name}", "Message": "no"}}')
    with pytest.raises(ApiError, match=re.escape(code.name)):
        run(product, place)
    assert actions(product) == [place.action]


def test_an_instance_that_is_not_there_is_waited_for(product: Product) -> None:
    """`InstanceNotFound` with either status means that a new instance is not visible yet."""
    place = Place("elasticsearch", "DescribeInstance", LOOK)
    for status in (400, 404):
        product.cloud.add_fault(
            Fault(service=place.service, action=place.action, status=status, code="InstanceNotFound")
        )
        assert run(product, place) == ("deferred", False)


def test_a_number_is_not_a_missing_instance(product: Product) -> None:
    """`400` says nothing of what is there, although some clients read it as "not found"."""
    place = Place("elasticsearch", "DescribeInstance", LOOK)
    product.cloud.add_fault(Fault(service=place.service, action=place.action, status=400, code="400"))
    assert run(product, place) == ("rejected", True)


def test_a_call_that_does_not_fit_is_made_smaller(product: Product) -> None:
    """A call that asks for more than a quota has left is halved, so that what is left is used."""
    ids = [f"i-{number}" for number in range(4)]
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", status=400, code="QuotaExceeded.Node")
    )
    answer: Any = product.attach(custom_event(*ids))
    assert answer["counts"] == {"attaching": 4}
    assert product.writes() == ["AttachInstances"] * 3


def test_a_machine_alone_in_its_call_is_refused_once(product: Product) -> None:
    """A call for one machine cannot be halved: it is not sent again, however many a call may hold."""
    product.environ["ENLIST_IDS_PER_CALL"] = "50"
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", status=400, code="InvalidParameter", times=9)
    )
    with pytest.raises(NotSettledError, match="rejected"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == ["AttachInstances"]
