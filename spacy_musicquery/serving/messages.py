"""What requests and answers look like, with examples: what /docs shows."""

from typing import Any, Dict, List, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, RootModel

EXAMPLE = "我想听周杰伦的晴天"


class OneMessage(BaseModel):
    """A message."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": EXAMPLE}]}
    )
    text: str = Field(description="What a user wrote or said")


class ManyMessages(BaseModel):
    """Several messages, which are read together."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"texts": [EXAMPLE, "今天天气怎么样"]}]},
    )
    texts: List[str] = Field(description="What users wrote or said")


class Link(BaseModel):
    """An entry of a catalogue that a query may mean."""

    model_config = ConfigDict(extra="allow")
    id: str
    score: float


class Query(BaseModel):
    """The words to search a catalogue with."""

    text: str
    start: int = Field(description="The first character of the message, from 0")
    end: int = Field(description="The character after the last")
    label: str
    score: float = Field(description="The probability that exactly this is a query")
    links: Optional[List[Link]] = Field(
        None, description="The likeliest first; only where the pipeline has a linker"
    )


class Found(BaseModel):
    """A message and what was found in it."""

    text: str
    music_query: List[Query]
    listen: Optional[float] = Field(
        None,
        description="The probability that the message asks to hear music; only where the "
        "pipeline tells",
    )


class ManyFound(BaseModel):
    """Several messages, in the order in which they came."""

    results: List[Found]


class Names(RootModel[Dict[str, List[str]]]):
    """Names by type."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"artist": ["周杰伦"], "song": ["晴天", "稻香"]}]}
    )


class Added(BaseModel):
    """How many names of each type were sent."""

    added: Dict[str, int]


class Status(BaseModel):
    """How the service is."""

    status: str


_FOUND = {
    "text": EXAMPLE,
    "music_query": [
        {
            "text": "周杰伦的晴天",
            "start": 3,
            "end": 9,
            "label": "MUSIC_QUERY",
            "score": 0.99,
        }
    ],
    "listen": 0.99,
}
EXAMPLES: Dict[Union[int, str], Dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {
                "examples": {
                    "one": {"value": _FOUND},
                    "many": {"value": {"results": [_FOUND]}},
                }
            }
        }
    }
}


def errors(*statuses: int) -> Dict[Union[int, str], Dict[str, Any]]:
    """Say in the documentation which errors there are.

    statuses (int): Their statuses.
    RETURNS (Dict[Union[int, str], Dict[str, Any]]): What FastAPI takes as `responses`.
    """
    detail = {"type": "object", "properties": {"detail": {"type": "string"}}}
    said = {
        401: "the token is missing or wrong",
        403: "the service has no token",
        413: "the body is too large",
        422: "the request is not understood, or has too much",
    }
    content = {"application/json": {"schema": detail}}
    return {s: {"description": said[s], "content": content} for s in statuses}
