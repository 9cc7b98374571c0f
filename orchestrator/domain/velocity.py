"""How often calls may be made, and how much of that is left."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What is left of one quota: `left` more calls now, and another in `wait` milliseconds."""

    kind: str
    most: int
    seconds: int
    left: int
    wait: int

    @property
    def name(self) -> str:
        """The quota's own name, such as `callee-60`: stable, and one of its kind."""
        return f"{self.kind}-{self.seconds}"

    @property
    def policy(self) -> str:
        """The rule that it belongs to, such as `velocity.callee`."""
        return f"velocity.{self.kind}"


def is_spent(figure: Figure) -> bool:
    """Whether no call may be made now."""
    return figure.left == 0


def tightest(figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
    """Of each kind the figure with the fewest left, and of those the one that lasts longest."""
    kinds = dict.fromkeys(figure.kind for figure in figures)
    return tuple(
        min(
            (figure for figure in figures if figure.kind == kind),
            key=lambda figure: (figure.left, -figure.wait),
        )
        for kind in kinds
    )
