"""The shape of ENS instances in seeds and answers. Knows no time."""

# ruff: noqa: N815 - fields are spelled as the vendor spells them

from __future__ import annotations

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

_TAGS_SHAPE = 'the right shape is {"Tags": {"Tags": [{"TagKey": "name", "TagValue": "text"}]}}'


class TagRecord(BaseModel):
    """One tag."""

    model_config = ConfigDict(extra="forbid")

    TagKey: str
    TagValue: str = ""


class TagsRecord(BaseModel):
    """The tags of an instance, in the two layers the vendor puts around them."""

    model_config = ConfigDict(extra="forbid")

    Tags: list[TagRecord] = Field(default_factory=list)


class _Addresses(BaseModel):
    model_config = ConfigDict(extra="allow")

    IpAddress: list[str] = Field(default_factory=list)


class _Network(BaseModel):
    model_config = ConfigDict(extra="allow")

    NetworkId: str = "n-local"
    VSwitchId: str = "vsw-local"
    PrivateIpAddress: _Addresses = Field(default_factory=_Addresses)


class InstanceRecord(BaseModel):
    """An instance as DescribeInstances returns it. Fields that are not named here are kept as they came.

    Attributes:
        Cpu: vCPU; the vendor writes a string.
        Memory: MB.
        Tags: null counts as none.
        attachCount: how often it was attached; each time it reloaded. Only in state and seeds, never in
            answers.
    """

    model_config = ConfigDict(extra="allow")

    InstanceId: str = Field(min_length=1)
    InstanceName: str = ""
    Status: str = "Running"
    EnsRegionId: str = "cn-hangzhou-telecom"
    Cpu: Annotated[str, Field(pattern=r"^\d+$")] | Annotated[int, Field(ge=0)] = "4"
    Memory: int = Field(default=8192, ge=0)
    OSName: str = "CentOS 7.6 64bit"
    ImageId: str = "centos_7_06_64_20G_alibase"
    SpecName: str = "ens.sn1.large"
    InstanceResourceType: str = "EnsInstance"
    CreationTime: str = ""
    ExpiredTime: str = ""
    NetworkAttributes: _Network = Field(default_factory=_Network)
    PublicIpAddress: _Addresses = Field(default_factory=_Addresses)
    Tags: TagsRecord = Field(default_factory=TagsRecord)
    attachCount: int = Field(default=0, ge=0)

    @field_validator("Tags", mode="wrap")
    @classmethod
    def _in_two_layers(cls, value: object, check: ValidatorFunctionWrapHandler) -> TagsRecord:
        """The vendor's other pages and services have tags in other shapes, so the right one is told."""
        try:
            tags: TagsRecord = check({} if value is None else value)
        except ValidationError:
            raise PydanticCustomError("tags", _TAGS_SHAPE) from None
        return tags
