"""The order desk in plain Python: slow, one object an order, and obviously what the words say."""

import math
from dataclasses import dataclass, field

NAN = math.nan


@dataclass
class Order:
    """One order and what became of it."""

    symbol: int
    kind: str
    quantity: float
    since: int
    limit: float = NAN
    stop: float = NAN
    bars: int = 0
    take: float = NAN
    loss: float = NAN
    trailing: float = NAN
    trail: float = NAN
    trail_by: float = NAN
    reduce: bool = False
    group: object = None
    status: str = "open"
    left: float = field(init=False)
    until: float = field(init=False)
    due: float = 0.0
    charged: float = 0.0

    def __post_init__(self):
        self.left = self.quantity
        self.until = math.inf


class Twin:
    """``market``: dict of lists [symbol][bar]; ``rules``: plain numbers by name."""

    def __init__(self, market, rules, capital):
        self.m, self.r, self.cash = market, rules, capital
        self.n, self.bars = len(market["close"]), len(market["close"][0])
        self.held, self.last = [0.0] * self.n, [0.0] * self.n
        self.settled = [0.0] * self.n
        self.orders, self.fills, self.traded = [], [], 0.0
        self.stale = [0] * self.n
        self.called = False
        self.out = {"cash": [], "equity": [], "held": []}
        self.flows = {"interest": 0.0, "borrow": 0.0, "roll": 0.0, "dividends": 0.0}

    def price(self, i, t):
        name = {"open": "open", "close": "close"}[self.r["fill"]]
        return self.m[name][i][t]

    def worse(self, i, t, size, takes):
        if not takes:
            return 0.0
        r = self.r
        bad = r["spread"] + self.m["half_spread"][i][t]
        bad += r["slippage"] + r["volatility"] * self.m["sigma"][i][t]
        volume = self.m["volume"][i][t]
        if r["impact"] and volume > 0:
            bad += r["impact"] * math.sqrt(abs(size) / volume)
        return bad

    def due(self, value, units):
        rate = self.r["per_value"]
        for start, other in self.r["tiers"]:
            if self.traded >= start:
                rate = other
        return value * rate + units * self.r["per_share"]

    def commission(self, value, units, order=None):
        """Minimum and fixed part are an order's, however many fills it takes."""
        due, charged = (order.due, order.charged) if order else (0.0, 0.0)
        whole = max(due + self.due(value, units), self.r["minimum"]) + self.r["fixed"]
        return whole - charged if units else 0.0

    def unit(self, i):
        return self.r["multiplier"][i]

    def cost(self, i, t, size, price, takes, order=None):
        bad = self.worse(i, t, size, takes)
        at = price * (1 + bad if size > 0 else 1 - bad)
        value = abs(size) * at * self.unit(i)
        fee = self.commission(value, abs(size), order)
        duty = value * self.r["tax_buy" if size > 0 else "tax_sell"]
        flow = 0.0 if self.r["future"][i] else math.copysign(value, size)
        return at, value, fee, duty, flow

    def net(self, prices=None):
        """Value of positions; futures count what they made since they were settled."""
        prices = prices or self.last
        return sum(
            h * self.unit(i) * (p - self.settled[i] if self.r["future"][i] else p)
            for i, (h, p) in enumerate(zip(self.held, prices, strict=True)) if h
        )  # fmt: skip

    def gross(self):
        return sum(
            abs(h) * p * self.unit(i) for i, (h, p) in enumerate(zip(self.held, self.last, strict=True))
        )

    def book(self, i, t, size, price, takes=True, free=False, order=None):
        at, value, fee, duty, flow = self.cost(i, t, size, price, takes, order)
        if free:
            fee = duty = 0.0
        elif order:
            order.due += self.due(value, abs(size))
            order.charged += fee
        if self.r["future"][i]:
            if self.held[i] == 0:
                self.settled[i] = price
            flow = size * self.unit(i) * (at - self.settled[i])
        self.cash -= flow + fee + duty
        new = self.held[i] + size
        self.held[i] = 0.0 if abs(new) < 1e-12 * abs(size) else new
        self.used[i] += abs(size)
        self.turned += value
        self.traded += value
        self.fills.append((i, t, size, at, price, fee, duty))
        return at

    def room(self, i, t):
        volume = self.m["volume"][i][t]
        return max(0.0, self.r["participation"] * volume - self.used[i]) if volume == volume else 0.0

    def allowed(self, i, t, size, price, reduce):
        r, held = self.r, self.held[i]
        if reduce:
            if held * size >= 0:
                return 0.0
            size = math.copysign(min(abs(size), abs(held)), size)
        if size < 0 and held + size < 0 and not r["may_short"][i]:
            size = -max(held, 0.0)
        if r["participation"]:
            size = math.copysign(min(abs(size), self.room(i, t)), size)
        unit, equity = price * self.unit(i), max(0.0, self.sizing)
        if abs(held + size) > abs(held) or held * (held + size) < 0:
            most = math.inf
            if r["position"]:
                most = r["position"] * equity / unit
            if r["gross"]:
                others = self.gross_now - abs(held) * unit
                most = min(most, max(0.0, r["gross"] * equity - others) / unit)
            change = min(max(held + size, -most), most) - held
            size = change if change * size > 0 else 0.0
        if r["turnover"]:
            room = max(0.0, r["turnover"] * equity - self.turned) / unit
            size = math.copysign(min(abs(size), room), size)
        return size

    def lots(self, i, size, price):
        if size == -self.held[i]:
            return size
        lot = self.r["lot"]
        if lot:
            size = math.trunc(size / lot + math.copysign(1e-9, size)) * lot
        return size if abs(size) * price * self.unit(i) >= self.r["minimum_notional"] else 0.0

    def affordable(self, i, t, size, price, takes, order):
        def fits(share):
            if share == 0:
                return True
            _, _, fee, duty, flow = self.cost(i, t, size * share, price, takes, order)
            return flow + fee + duty <= self.cash

        if self.r["borrow"] or fits(1.0):
            return size
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return size * low

    def fill(self, order, t, price, takes, at_once, rising=False):
        i, asked = order.symbol, order.left
        if order.reduce and self.held[i] * asked < 0 and abs(asked) > abs(self.held[i]):
            asked = -self.held[i]
        size = self.allowed(i, t, asked, price, order.reduce)
        slow = bool(self.r["participation"]) and size != asked and abs(size) >= self.room(i, t) * (1 - 1e-12)
        if size > 0:
            size = self.affordable(i, t, size, price, takes, order)
        size = self.lots(i, size, price)
        size = 0.0 if abs(size) < 1e-12 * abs(asked) else size
        if self.r["reject"] and not slow and abs(size - asked) > 1e-9 * abs(asked):
            size = 0.0
        if size:
            before = abs(self.held[i])
            at = self.book(i, t, size, price, takes, order=order)
            self.gross_now += (abs(self.held[i]) - before) * price * self.unit(i)
            order.left = asked - size
            group, first = object(), t if at_once else t + 1
            low, high = self.m["low"][i][t], self.m["high"][i][t]
            safe = order.loss != order.loss or (order.loss < low if size > 0 else order.loss > high)
            beyond = order.take > price if size > 0 else order.take < price
            early = rising and safe and beyond and order.trailing != order.trailing
            for kind, name in (("stop", "loss"), ("limit", "take"), ("stop", "trailing")):
                level = getattr(order, name)
                if level == level:
                    begin = t if early and name == "take" else first
                    child = Order(i, kind, -size, begin, reduce=True, group=group)
                    if name == "trailing":
                        child.trail, child.trail_by = level, 0.0
                        child.stop = at * (1 - level if size > 0 else 1 + level)
                    else:
                        setattr(child, kind, level)
                    self.orders.append(child)
            for other in self.orders:
                if order.group is not None and other.group is order.group and other is not order:
                    other.left -= size
                    if other.status == "open" and not (slow and other.left * size > 0):
                        other.status = "cancelled"
        if abs(asked - size) <= 1e-9 * abs(asked):
            order.status = "filled"
        elif not slow:
            order.status = "cut" if size else "rejected"

    def look_at(self, stage, t):
        """0 market orders, 1 beyond the open already, 2 stops inside the bar, 3 limits inside the bar."""
        for order in self.orders:  # grows while we go
            i = order.symbol
            if order.status != "open" or order.since > t or not self.price(i, t) > 0:
                continue
            if (order.kind == "market") != (stage == 0):
                continue
            if stage == 0:
                self.fill(order, t, self.price(i, t), True, self.r["fill"] == "open")
                continue
            first, high, low = (self.m[n][i][t] for n in ("open", "high", "low"))
            if not first > 0:
                continue
            up = order.left > 0

            def better(price, than, up=up):
                return price <= than if up else price >= than

            if stage == 1:
                if order.kind == "limit":
                    if better(first, order.limit):
                        self.fill(order, t, first, False, True)
                elif better(order.stop, first):
                    self.trigger(order, t, first, better, True)
            elif stage == 2 and order.kind != "limit":
                if (high >= order.stop) if up else (low <= order.stop):
                    worse = max(order.stop, first) if up else min(order.stop, first)
                    self.trigger(order, t, worse, better, False)
            elif stage == 3 and order.kind == "limit" and better(low if up else high, order.limit):
                self.fill(order, t, (min if up else max)(order.limit, first), False, False)

    def trigger(self, order, t, price, better, at_once):
        if order.kind == "stop":
            self.fill(order, t, price, True, at_once, rising=not at_once)
        elif better(price, order.limit):
            self.fill(order, t, price, False, at_once)
        else:
            order.kind, order.since = "limit", t if at_once else t + 1

    def value(self, t, name):
        for i in range(self.n):
            if self.m[name][i][t] > 0:
                self.last[i] = self.m[name][i][t]
        self.sizing, self.gross_now = self.cash + self.net(), self.gross()

    def morning(self, t):
        r = self.r
        interest = self.cash * (r["cash_rate"] if self.cash > 0 else r["debt_rate"]) * r["years"][t]
        self.cash += interest
        self.flows["interest"] += interest
        self.used, self.turned = [0.0] * self.n, 0.0
        for i in range(self.n):
            split = self.m["split"][i][t]
            if split != 1.0:
                self.held[i] *= split
                self.last[i] /= split
                self.settled[i] /= split
                for o in self.orders:
                    if o.symbol == i and o.status == "open":
                        o.left *= split
                        for name in ("limit", "stop", "take", "loss", "trail_by"):
                            setattr(o, name, getattr(o, name) / split)
            if not self.held[i]:
                continue
            if self.held[i] < 0:
                fee = -self.held[i] * self.last[i] * self.unit(i) * r["borrow_fee"] * r["years"][t]
                self.cash -= fee
                self.flows["borrow"] += fee
            paid = self.held[i] * self.unit(i) * self.m["dividend"][i][t]
            self.cash += paid
            self.flows["dividends"] += paid
            gap = self.m["roll"][i][t]
            if gap:
                self.last[i] += gap
                self.settled[i] += gap
                if not r["future"][i]:
                    self.cash -= self.held[i] * self.unit(i) * gap
                value = abs(self.held[i]) * self.last[i] * self.unit(i)
                traded, self.traded = self.traded, 0.0
                share = r["spread"] + self.m["half_spread"][i][t]
                share += r["slippage"] + r["volatility"] * self.m["sigma"][i][t]
                fee = 2 * (self.commission(value, abs(self.held[i])) + value * share)
                self.traded = traded
                self.cash -= fee
                self.flows["roll"] += fee
        self.pay_fractions(t)

    def pay_fractions(self, t):
        for i in range(self.n):
            lot = self.r["lot"]
            if self.m["split"][i][t] != 1.0 and lot and self.held[i]:
                rest = math.fmod(self.held[i] + math.copysign(1e-9 * lot, self.held[i]), lot)
                if abs(rest) > 2e-9 * lot:
                    rest -= math.copysign(1e-9 * lot, rest)
                    self.book(i, t, -rest, self.last[i], takes=False, free=True)

    def forced(self, t):
        for i in range(self.n):
            price = self.price(i, t)
            self.stale[i] = 0 if price > 0 or not self.last[i] > 0 else self.stale[i] + 1
            if self.r["delist_after"] and self.stale[i] >= self.r["delist_after"]:
                for o in self.orders:
                    if o.symbol == i and o.status == "open":
                        o.status = "cancelled"
                if self.held[i]:
                    last = self.last[i] * (1 - self.r["delist_loss"] if self.held[i] > 0 else 1)
                    self.book(i, t, -self.held[i], last, takes=False, free=True)
            elif self.called and self.held[i] and price > 0 and self.gross_now > 0:
                share = max(0.0, 1 - self.r["gross"] * max(0.0, self.sizing) / self.gross_now)
                size = -self.held[i] * share
                if self.r["lot"]:
                    lots = math.ceil(abs(size) / self.r["lot"] - 1e-9) * self.r["lot"]
                    size = math.copysign(min(abs(self.held[i]), lots), size) if size else 0.0
                if size:
                    self.book(i, t, size, price)

    def evening(self, t):
        for i in range(self.n):
            if self.m["close"][i][t] == self.m["close"][i][t]:
                self.last[i] = self.m["close"][i][t]
            if self.r["future"][i]:
                self.cash += self.held[i] * self.unit(i) * (self.last[i] - self.settled[i])
            self.settled[i] = self.last[i]
        for o in self.orders:
            if o.status == "open" and o.since <= t:
                if o.reduce and self.held[o.symbol] * o.left >= 0:
                    o.status = "cancelled"
                elif o.until <= t:
                    o.status = "expired"
            if o.status == "open" and o.trail == o.trail:
                high, low = self.m["high"][o.symbol][t], self.m["low"][o.symbol][t]
                if o.left < 0 and high == high:
                    o.stop = max(o.stop, high * (1 - o.trail) - o.trail_by)
                elif o.left > 0 and low == low:
                    o.stop = min(o.stop, low * (1 + o.trail) + o.trail_by)
        equity = self.cash + self.net()
        self.called = bool(self.r["maintenance"]) and equity < self.r["maintenance"] * self.gross()
        self.out["cash"].append(self.cash)
        self.out["equity"].append(equity)
        self.out["held"].append(list(self.held))

    def run(self, script):
        """``script[bar]``: orders to place at that bar's close, each a dict."""
        for t in range(self.bars):
            self.morning(t)
            self.value(t, "open")
            for stage in (0, 1, 2, 3) if self.r["fill"] == "open" else (1, 2, 3, 0):
                if stage == 0:
                    if self.r["fill"] == "close":
                        self.value(t, "close")
                    self.forced(t)
                self.look_at(stage, t)
            self.evening(t)
            for ask in script.get(t, ()):
                order = Order(since=t + 1, **ask)
                follows = order.trailing == order.trailing or order.trail_by == order.trail_by
                if order.kind == "stop" and follows and order.stop != order.stop:
                    order.trail = order.trailing if order.trailing == order.trailing else 0.0
                    order.trail_by = order.trail_by if order.trail_by == order.trail_by else 0.0
                    order.trailing, close = NAN, self.m["close"][order.symbol][t]
                    away = close * order.trail + order.trail_by
                    order.stop = close - away if order.quantity < 0 else close + away
                order.until = t + order.bars if order.bars else math.inf
                self.orders.append(order)
        return self
