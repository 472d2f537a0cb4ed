"""The shape of Elasticsearch instances in seeds and answers. Knows no time."""

# ruff: noqa: N815 - fields are spelled as the vendor spells them

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Tag(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tagKey: str
    tagValue: str = ""


class _Network(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str = "vpc"
    vpcId: str = "vpc-local"
    vswitchId: str = "vsw-local"


class InstanceRecord(BaseModel):
    """An instance as DescribeInstance returns it. Fields that are not named here are kept as they came.

    Attributes:
        networkConfig: with a zone in `vsArea`, such as `cn-hangzhou-i`, the instance exists only in that
            region.
        connectedClusters: ids it is connected with. Only in state and seeds, never in answers.
        connectCount: by id, how often a connection was made. Only in state and seeds, never in answers.
    """

    model_config = ConfigDict(extra="allow")

    instanceId: str = Field(min_length=1)
    description: str = ""
    status: str = "active"
    esVersion: str = "7.10.0_with_X-Pack"
    archType: str = "exclusive"
    networkConfig: _Network = Field(default_factory=_Network)
    nodeAmount: int = 3
    zoneCount: int = 1
    paymentType: str = "postpaid"
    tags: list[_Tag] = Field(default_factory=list)
    createdAt: str = ""
    updatedAt: str = ""
    connectedClusters: list[str] = Field(default_factory=list)
    connectCount: dict[str, int] = Field(default_factory=dict)
