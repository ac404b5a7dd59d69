"""The colours of figures and reports: one pair for gains and losses, one series of hues, all safe for the
colour-blind."""

GAIN = "#0072b2"
LOSS = "#d55e00"
NEUTRAL = "#f7f7f7"
GREY = "#888888"
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999933", "#5b6675")
"""Okabe and Ito's colours, strongest contrast first; slate for their black, which is lost on dark pages."""
REST = "#b4bac3"
"""What is not told apart: the sum of all others."""
SEQUENTIAL = "viridis"


def diverging(steps: int = 255) -> list[str]:
    """Colours from loss through white to gain."""

    def channel(colour: str, at: int) -> int:
        return int(colour[1 + 2 * at : 3 + 2 * at], 16)

    half = steps // 2
    found = []
    for end, order in ((LOSS, range(half, -1, -1)), (GAIN, range(1, half + 1))):
        for k in order:
            share = k / half
            mixed = [
                round(channel(NEUTRAL, c) + (channel(end, c) - channel(NEUTRAL, c)) * share) for c in range(3)
            ]
            found.append("#" + "".join(f"{v:02x}" for v in mixed))
    return found
