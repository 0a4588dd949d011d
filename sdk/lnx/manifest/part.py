"""What every part of the manifest shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Side = Annotated[int, Field(ge=1, le=30000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of the manifest: unknown fields are refused, so that a misspelt one is not a silent default."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
