"""The peers' side of bench/engine.py: runs in their own environment, one JSON line in, one out."""

import json
import resource
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")


def load(folder):
    """Read the data that the driver wrote."""
    return dict(np.load(f"{folder}/data.npz"))


def traded(data, entries, exits, fees):
    """vectorbt's portfolio of all columns, filled at the next open; their final values."""
    import vectorbt as vbt

    portfolio = vbt.Portfolio.from_signals(
        data["close"][:, None],
        entries.vbt.fshift(1),
        exits.vbt.fshift(1),
        price=data["open"][:, None],
        fees=fees,
        init_cash=1e6,
        freq="1min",
    )
    return portfolio.final_value().to_numpy()


def sma_cross(data, fees):
    """The documented way: windows broadcast, crossings, one portfolio of all columns."""
    import vectorbt as vbt

    fast = vbt.MA.run(data["close"], window=data["fast"].tolist(), per_column=False)
    slow = vbt.MA.run(data["close"], window=data["slow"].tolist(), per_column=False)
    return traded(data, fast.ma_crossed_above(slow), fast.ma_crossed_below(slow), fees)


def macd(data, fees):
    """TA-Lib's MACD by vectorbt's factory, so that both start their averages alike."""
    import vectorbt as vbt

    found = vbt.talib("MACD").run(
        data["close"],
        fastperiod=data["fast"].tolist(),
        slowperiod=data["slow"].tolist(),
        signalperiod=data["signal"].tolist(),
    )
    return traded(
        data, found.macd_crossed_above(found.macdsignal), found.macd_crossed_below(found.macdsignal), fees
    )


def bollinger(data, fees):
    """Bought below the band, sold above its middle."""
    import pandas as pd
    import vectorbt as vbt

    width = data["width"].tolist()
    found = vbt.talib("BBANDS").run(
        data["close"], timeperiod=data["window"].tolist(), nbdevup=width, nbdevdn=width
    )
    close = data["close"][:, None]
    below = pd.DataFrame(close < found.lowerband.to_numpy().reshape(len(close), -1))
    return traded(
        data, below, pd.DataFrame(close > found.middleband.to_numpy().reshape(len(close), -1)), fees
    )


def rsi(data, fees):
    """Bought below one level, sold above another."""
    import pandas as pd
    import vectorbt as vbt

    windows, column = np.unique(data["window"], return_inverse=True)
    index = vbt.talib("RSI").run(data["close"], timeperiod=windows.tolist()).real.to_numpy()
    index = index.reshape(len(data["close"]), -1)[:, column]
    return traded(data, pd.DataFrame(index < data["low"]), pd.DataFrame(index > data["leave"]), fees)


def donchian(data, fees):
    """Bought above the highest high of the bars before, sold below the lowest low of fewer."""
    import pandas as pd
    import vectorbt as vbt

    entries, up = np.unique(data["entry"], return_inverse=True)
    exits, down = np.unique(data["exit"], return_inverse=True)
    bars = len(data["close"])
    top = vbt.talib("MAX").run(data["high"], timeperiod=entries.tolist()).real.to_numpy().reshape(bars, -1)
    low = vbt.talib("MIN").run(data["lows"], timeperiod=exits.tolist()).real.to_numpy().reshape(bars, -1)
    top = np.vstack((np.full((1, top.shape[1]), np.nan), top[:-1]))
    low = np.vstack((np.full((1, low.shape[1]), np.nan), low[:-1]))
    close = data["close"][:, None]
    return traded(data, pd.DataFrame((close > top)[:, up]), pd.DataFrame((close < low)[:, down]), fees)


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


JOBS = {f.__name__: f for f in (sma_cross, macd, bollinger, rsi, donchian, weights)}


def main():
    """Answer until the driver closes the pipe."""
    for line in sys.stdin:
        order = json.loads(line)
        data = load(order["folder"])
        began = time.perf_counter()
        found = JOBS[order["job"]](data, order["fees"])
        seconds = time.perf_counter() - began
        np.save(order["folder"] + "/answer.npy", found)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main()
