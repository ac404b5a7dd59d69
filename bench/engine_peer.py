"""The peer's side of bench/engine.py: runs in the peers' own environment, one JSON line in, one out."""

import json
import resource
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")


def load(folder):
    """Read the data that the driver wrote."""
    return {name: np.load(f"{folder}/{name}.npy") for name in ("open", "close", "weights", "fast", "slow")}


def sweep(data, fees):
    """vectorbt's documented way: windows broadcast, crossings, one portfolio of all columns."""
    import vectorbt as vbt

    close, price = data["close"], data["open"]
    fast = vbt.MA.run(close, window=data["fast"].tolist(), per_column=False)
    slow = vbt.MA.run(close, window=data["slow"].tolist(), per_column=False)
    above = fast.ma_crossed_above(slow).vbt.fshift(1)
    below = fast.ma_crossed_below(slow).vbt.fshift(1)
    portfolio = vbt.Portfolio.from_signals(
        close[:, None], above, below, price=price[:, None], fees=fees, init_cash=1e6, freq="1min"
    )
    return portfolio.final_value().to_numpy()


def weights(data, fees):
    """vectorbt's target percentages with shared cash, sales first."""
    import vectorbt as vbt

    target = np.full_like(data["weights"], np.nan)
    target[1:] = data["weights"][:-1]
    portfolio = vbt.Portfolio.from_orders(
        data["close"],
        size=target,
        size_type="targetpercent",
        price=data["open"],
        val_price=data["open"],
        fees=fees,
        init_cash=1e6,
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )
    return np.asarray(portfolio.value())


def main():
    """Answer until the driver closes the pipe."""
    jobs = {"sweep": sweep, "weights": weights}
    for line in sys.stdin:
        order = json.loads(line)
        data = load(order["folder"])
        began = time.perf_counter()
        found = jobs[order["job"]](data, order["fees"])
        seconds = time.perf_counter() - began
        np.save(order["folder"] + "/answer.npy", found)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main()
