"""What everything that marketers declare has in common."""

from pydantic import BaseModel, ConfigDict


class Definition(BaseModel):
    """Base of everything that marketers declare: frozen, and no key that we do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)
