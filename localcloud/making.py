"""Makes a new world: every service, with nothing in it. Knows each service by its class, and no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.keys import TemporaryKeys
from localcloud.services.cs.service import CsService
from localcloud.services.elasticsearch.service import ElasticsearchService
from localcloud.services.ens.model import Fleet
from localcloud.services.ens.service import EnsService
from localcloud.services.eventbridge.model import Buses
from localcloud.services.eventbridge.older import OlderEventBridgeService
from localcloud.services.eventbridge.service import EventBridgeService
from localcloud.services.fc.fc2 import Fc2Service
from localcloud.services.fc.service import FcService
from localcloud.services.fc.tasks import Tasks
from localcloud.services.mns.service import MnsService
from localcloud.services.oss.model import DEFAULT_LOCATION, ObjectStore
from localcloud.services.oss.service import OssService
from localcloud.services.resourcemanager.service import ResourceManagerService
from localcloud.services.sts.service import StsService
from localcloud.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.bus import Rule
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.services.base import Service
    from localcloud.services.fc.archives import Archives
    from localcloud.signatures import Key

UPLOAD_ROLE: Final = f"acs:ram::{DEFAULT_ACCOUNT_ID}:role/aliyunfcuploadrole"
"""Whom Function Compute lets a caller act for to upload code."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What outlives a world, and services use.

    Attributes:
        behaviour: that of the beginning.
        now: the state clock, seconds since the epoch.
        wall_clock: what keys expire by, seconds since the epoch.
        deliveries: the ways to the functions; None while nothing is deployed.
        hosting: the same, made now when nothing is.
        archives: where the code of functions can be fetched.
        url: where the cloud is served; empty while it is not.
    """

    behaviour: Behaviour
    now: Callable[[], float]
    wall_clock: Callable[[], float]
    deliveries: Callable[[], Deliveries | None]
    hosting: Callable[[], Deliveries]
    archives: Archives
    url: Callable[[], str]


def new_world(around: Surroundings) -> World:
    """A world without records, faults and calls."""
    fleet, queues, objects, keys = Fleet(), MnsService(), ObjectStore(), TemporaryKeys()
    tasks = Tasks(around.now)

    def behaviour() -> Behaviour:
        return world.behaviour

    def trigger_rules() -> tuple[Rule, ...]:
        deliveries = around.deliveries()
        return deliveries.deployment.bus.rules if deliveries is not None else ()

    def upload_key(seconds: float) -> Key:
        return keys.issue(now=around.wall_clock(), seconds=seconds, role_arn=UPLOAD_ROLE, session="upload")

    def code_bucket(name: str) -> None:
        objects.create(name, DEFAULT_LOCATION, around.now())

    buses = Buses(trigger_rules)
    services: list[Service] = [
        CsService(fleet, behaviour),
        EnsService(fleet, behaviour),
        ElasticsearchService(behaviour),
        FcService(
            deliveries=around.deliveries,
            hosting=around.hosting,
            archives=around.archives,
            tasks=tasks,
            objects=objects.content,
            url=around.url,
            behaviour=behaviour,
        ),
        Fc2Service(around.deliveries, upload_key, code_bucket),
        queues,
        OssService(objects),
        ResourceManagerService(),
        StsService(keys, around.wall_clock),
        EventBridgeService(buses, around.hosting),
        OlderEventBridgeService(around.hosting),
    ]
    named = {service.name: service for service in services}
    world = World(around.behaviour, named, queues, objects, keys, tasks, buses)
    return world
