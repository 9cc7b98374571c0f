"""How long each part of a call takes."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

A_NUMBER_OF_SECONDS = "a number of seconds, 0 or more"
Seconds = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("the first number is above the second")
    return pair


Lag = Annotated[tuple[Seconds, Seconds], AfterValidator(_rising)]


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Durations(Strict):
    """How long each part of a call takes, in simulated seconds."""

    leg1_ring: Seconds = Field(2.0, description=A_NUMBER_OF_SECONDS)
    prompt_press: Seconds = Field(1.0, description=A_NUMBER_OF_SECONDS)
    leg2_ring: Seconds = Field(3.0, description=A_NUMBER_OF_SECONDS)
    no_answer: Seconds = Field(8.0, description=A_NUMBER_OF_SECONDS)
    talk: Seconds = Field(10.0, description=A_NUMBER_OF_SECONDS)
