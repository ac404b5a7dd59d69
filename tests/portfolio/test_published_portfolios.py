"""Portfolios that others published: PyPortfolioOpt's tests (commit 65cabce), worked examples of papers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tradewind as tw
import xarray as xr
from pypfopt import EfficientFrontier, risk_models
from tradewind import errors
from tradewind.portfolio import Allocation, Estimate, Moments

PRICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "pypfopt" / "stock_prices.csv.gz"
ANY = {"lower": -np.inf, "upper": np.inf}
ARITHMETIC = Estimate(mean="arithmetic")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Twenty stocks from 1989 on, half of them listed later."""
    if not PRICES.is_file():
        pytest.skip(f"PyPortfolioOpt's prices are missing: put them at {PRICES}")
    return pd.read_csv(PRICES, index_col=0, parse_dates=True)


@pytest.fixture(scope="module")
def px(frame: pd.DataFrame) -> xr.DataArray:
    """The same as the SDK gives them."""
    coords = {"symbol": frame.columns.to_numpy(), "time": frame.index.to_numpy()}
    return xr.DataArray(frame.to_numpy(float).T, coords, ("symbol", "time"), attrs={"frequency": "1d"})


def held_as(found: Allocation, published: tuple[float, float, float], rel: float = 1e-7) -> None:
    """Compare with ``portfolio_performance(risk_free_rate=0.02)``; their own tolerance by default."""
    sharpe = (found.expected_return - 0.02) / found.volatility
    assert (found.expected_return, found.volatility, sharpe) == pytest.approx(published, rel=rel)
    assert float(found.weights.sum()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("rule", "options", "published"),
    [
        ("minimum_variance", {}, (0.15056821399482578, 0.15915084514118694, 0.8204054077060996)),
        ("minimum_variance", ANY, (0.1516319319875544, 0.1555915367269669, 0.8460095886741129)),
        ("minimum_variance", {"l2": 1.0}, (0.17356099329164965, 0.1955254118258614, 0.785376140408869)),
        ("maximum_sharpe", {"risk_free": 0.02, **ANY},
         (0.4937195216716211, 0.29516576454651955, 1.6049270564945908)),
        ("maximum_sharpe", {"lower": -1.0}, (0.44859872371106785, 0.26762066559448255, 1.601515797589826)),
        ("maximum_sharpe", {"risk_free": 0.02, "l2": 5.0},
         (0.2516854357026833, 0.22043282695478603, 1.051047790401043)),
        ("mean_variance", {"aversion": 2.0}, (0.3677732711751504, 0.2921342197778279, 1.1904571516463793)),
        ("mean_variance", {"aversion": 1.0, "lower": -1.0},
         (1.4170505733098597, 1.0438577623242156, 1.3383533884915872)),
        ("mean_variance", {"aversion": 1.0, "l2": 5.0},
         (0.19774277217586125, 0.2104822672707046, 0.8444548535162986)),
        ("mean_variance", {"target_volatility": 0.19}, (0.2552422849133517, 0.19, 1.2381172871434818)),
        ("mean_variance", {"target_volatility": 0.19, "lower": -1.0},
         (0.30035471606347336, 0.19, 1.4755511348079207)),
        ("mean_variance", {"target_return": 0.25}, (0.25, 0.18723269942026335, 1.2284179030274036)),
        ("hierarchical_risk_parity", {"linkage": "single", "leaves": "tree", "estimate": ARITHMETIC},
         (0.21353402380950973, 0.17844159743748936, 1.084579081272277)),
    ],
)  # fmt: skip
def test_pypfopt(px: xr.DataArray, rule: str, options: dict, published: tuple[float, float, float]) -> None:
    held_as(getattr(tw.portfolio, rule)(px, **options), published)


def test_a_ridge_that_the_solver_meets(px: xr.DataArray) -> None:
    """Bounds that need skfolio: the same optimum as that of moments with the ridge in the covariance."""
    known = tw.portfolio.moments(px)
    ridged = Moments(symbols=known.symbols, mean=known.mean, covariance=known.covariance + 5.0 * np.eye(20))
    for bounds in ({"lower": -1.0}, {"upper": 0.07}, ANY):
        found = tw.portfolio.maximum_sharpe(px, risk_free=0.02, l2=5.0, **bounds)
        wanted = tw.portfolio.maximum_sharpe(ridged, risk_free=0.02, **bounds)
        np.testing.assert_allclose(found.weights, wanted.weights, atol=1e-7)
        assert found.volatility < wanted.volatility
    with pytest.raises(errors.ParameterError, match="l2"):
        tw.portfolio.maximum_sharpe(px, l2=-1.0)


@pytest.mark.parametrize(
    ("options", "published"),
    [
        ({"target_return": 0.25, "lower": -1.0}, (0.25, 0.1833060046337015, 1.2547324920403273)),
        ({"target_volatility": 0.21, "lower": -1.0}, (0.28640632960825885, 0.21, 1.2686015698590967)),
        ({"target_volatility": 0.19, "lower": -1.0, "l2": 1.0},
         (0.12790320789339854, 0.1175336636355454, 0.9180621496492316)),
    ],
)  # fmt: skip
def test_market_neutral(px: xr.DataArray, options: dict, published: tuple[float, float, float]) -> None:
    """Weights that sum to 0, to the tolerance of PyPortfolioOpt's tests."""
    found = tw.portfolio.mean_variance(px, neutral=True, risk_free=0.02, **options)
    assert (found.expected_return, found.volatility, found.sharpe) == pytest.approx(published, abs=1e-6)
    assert float(found.weights.sum()) == pytest.approx(0.0, abs=1e-9)
    assert found.weights.values.min() > -1.0 and found.weights.values.max() < 1.0


def test_market_neutral_by_equations() -> None:
    """PyPortfolioOpt's test_efficient_return_longshort_target, and where no bound binds, equations."""
    mean = np.array([-0.15, -0.12, -0.1, -0.05, -0.01, 0.02, 0.03, 0.04, 0.05])
    known = Moments(
        symbols=list("abcdefghi"),
        mean=mean,
        covariance=np.diag([0.2, 0.2, 0.4, 0.3, 0.1, 0.5, 0.2, 0.3, 0.1]),
    )
    found = tw.portfolio.mean_variance(known, target_return=0.08, neutral=True, risk_free=0.02, lower=-1.0)
    published = (0.08, 0.16649041068958137, 0.3603811159542937)
    assert (found.expected_return, found.volatility, found.sharpe) == pytest.approx(published, abs=1e-6)
    wary = tw.portfolio.mean_variance(known, aversion=2.0, neutral=True, lower=-1.0)
    inverse = 1.0 / np.diag(known.covariance)
    price = (inverse @ mean) / inverse.sum()
    np.testing.assert_allclose(wary.weights, inverse * (mean - price) / 2.0, atol=1e-9)
    with pytest.raises(errors.ParameterError, match="short of something"):
        tw.portfolio.mean_variance(known, target_return=0.05, neutral=True)
    with pytest.raises(errors.ParameterError, match="cannot sum to 0"):
        tw.portfolio.mean_variance(known, target_return=0.05, neutral=True, lower=0.1)
    with pytest.raises(errors.InvalidInputError, match="out of reach"):
        tw.portfolio.mean_variance(known, target_return=0.9, neutral=True, lower=-1.0)


def test_moments_of_ones_own(frame: pd.DataFrame, px: xr.DataArray) -> None:
    """Other covariances than ours: PyPortfolioOpt's tests with its own estimators."""
    mean = tw.portfolio.moments(px).mean

    def with_covariance(matrix: pd.DataFrame) -> Moments:
        return Moments(symbols=frame.columns, mean=mean, covariance=matrix)

    found = tw.portfolio.maximum_sharpe(with_covariance(risk_models.exp_cov(frame)), risk_free=0.02)
    held_as(found, (0.33700887443850647, 0.1807332515488447, 1.7540152225548384))
    semi = risk_models.semicovariance(frame, benchmark=0)
    found = tw.portfolio.maximum_sharpe(with_covariance(semi), risk_free=0.02)
    held_as(found, (0.2762965426962885, 0.07372667096108301, 3.476307004714425))
    shrunk = risk_models.CovarianceShrinkage(frame)
    one_factor = with_covariance(shrunk.ledoit_wolf("single_factor"))
    found = tw.portfolio.mean_variance(one_factor, target_return=0.22)
    held_as(found, (0.22, 0.08892163937693882, 2.2491713085967766))
    given = with_covariance(shrunk.ledoit_wolf())
    tree = tw.portfolio.hierarchical_risk_parity(given, linkage="single", leaves="tree")
    assert tree.volatility == pytest.approx(0.10002783894982334, rel=1e-7)
    with pytest.raises(errors.ParameterError, match="estimate"):
        tw.portfolio.minimum_variance(given, estimate=ARITHMETIC)
    with pytest.raises(errors.InvalidInputError, match="20 by 20"):
        Moments(symbols=frame.columns, mean=mean, covariance=np.eye(3))


def test_bounds_by_symbol(frame: pd.DataFrame, px: xr.DataArray) -> None:
    """test_max_sharpe_explicit_bound and test_cla_custom_bounds; the optimum by PyPortfolioOpt itself."""
    names = list(frame.columns)
    found = tw.portfolio.maximum_sharpe(
        px, risk_free=0.02, lower={names[0]: 0.2, names[2]: 0.15}, upper={names[2]: 0.15}
    )
    assert found.weights.values[0] >= 0.2 - 1e-5
    assert found.weights.values[2] == pytest.approx(0.15, abs=1e-7)
    low = {s: (0.01, 0.02)[i % 2] for i, s in enumerate(names)}
    high = {s: (0.13, 0.11)[i % 2] for i, s in enumerate(names)}
    mean = tw.portfolio.moments(px).mean
    given = Moments(symbols=names, mean=mean, covariance=risk_models.exp_cov(frame))
    bounds = list(zip(low.values(), high.values(), strict=True))
    theirs = EfficientFrontier(pd.Series(mean, names), risk_models.exp_cov(frame), bounds)
    theirs.min_volatility()
    ours = tw.portfolio.minimum_variance(given, lower=low, upper=high)
    np.testing.assert_allclose(ours.weights.values, theirs.weights, atol=1e-6)
    free = tw.portfolio.minimum_variance(px, lower={"AAPL": -np.inf}, upper={"AAPL": np.inf})
    assert free.volatility <= tw.portfolio.minimum_variance(px).volatility
    tilted = tw.portfolio.mean_variance(px, target_return=0.25, lower={"GE": 0.05})
    assert float(tilted.weights.sel(symbol="GE")) == pytest.approx(0.05, abs=1e-9)
    with pytest.raises(errors.InvalidInputError, match="AAPL"):
        tw.portfolio.minimum_variance(px, upper={"APPL": 0.1})
    with pytest.raises(errors.ParameterError, match="above upper"):
        tw.portfolio.minimum_variance(px, lower={"GE": 0.3}, upper=0.2)


def test_equal_risk_contributions_of_maillard() -> None:
    """Maillard, Roncalli and Teiletche 2010: volatilities of 10 to 40 %, correlations of 0.8 and -0.5."""
    correlation = np.eye(4)
    correlation[0, 1] = correlation[1, 0] = 0.8
    correlation[2, 3] = correlation[3, 2] = -0.5
    spread = np.array([0.1, 0.2, 0.3, 0.4])
    known = Moments(symbols=list("abcd"), mean=np.zeros(4), covariance=correlation * np.outer(spread, spread))
    equal = tw.portfolio.risk_parity(known).weights.values
    np.testing.assert_allclose(equal, [0.384, 0.192, 0.243, 0.182], atol=6e-4)
    least = tw.portfolio.minimum_variance(known).weights.values
    np.testing.assert_allclose(least, [0.745, 0.0, 0.152, 0.103], atol=6e-4)


# Bailey and López de Prado 2013, An Open-Source Implementation of the Critical-Line Algorithm, section 5
CLA_MEAN = [1.175, 1.19, 0.396, 1.12, 0.346, 0.679, 0.089, 0.73, 0.481, 1.08]
CLA_COVARIANCE = [  # below the diagonal, row by row
    0.40755159, 0.03175842, 0.9063047, 0.05183923, 0.03136385, 0.19490901, 0.05663904, 0.02687256,
    0.04408485, 0.19528471, 0.0330226, 0.01917172, 0.03006772, 0.02777345, 0.34059105, 0.00827775,
    0.00934384, 0.01322738, 0.00526665, 0.00777055, 0.15983874, 0.02165938, 0.02495043, 0.03525971,
    0.01375808, 0.02067844, 0.02105575, 0.68056711, 0.01332419, 0.00761036, 0.0115493, 0.00780878,
    0.00736409, 0.00518686, 0.01377882, 0.95526918, 0.0343476, 0.02874874, 0.0427563, 0.02914176,
    0.02542657, 0.01723737, 0.04627027, 0.0106553, 0.31681584, 0.02249903, 0.01336866, 0.02057303,
    0.01640377, 0.01284075, 0.00723779, 0.01926088, 0.00760955, 0.01854318, 0.11079287,
]  # fmt: skip
CLA_TURNING_POINTS = {  # return: risk and weights
    1.0153059205224644: (0.22798274842085042, [
        0.0846709411996219, 0.0492538587411185, 0, 0.2196339033636073, 0, 0.1800392346417607, 0,
        0.0310298018553534, 0.0064857024154381, 0.4288865577831000]),
    0.9727204340349849: (0.21955488008267854, [
        0.0737892530228031, 0.0438286607697188, 0, 0.1989756080588148, 0.0261581598574419, 0.1981518722797052,
        0, 0.0334195863991979, 0.0279029660266436, 0.3977738935856743]),
    0.8032153598765337: (0.20523761981386526, [
        0.0369685814792150, 0.0269008378008104, 0.0949424305647986, 0.1257759521946726, 0.0767460810325476,
        0.2193556713161689, 0.0299870968822203, 0.0359632846213863, 0.0613498377297268, 0.2920102263784532]),
}  # fmt: skip


def test_the_critical_line() -> None:
    """The paper's ten assets: turning points of the frontier, least variance, highest Sharpe ratio."""
    covariance = np.zeros((10, 10))
    covariance[np.tril_indices(10)] = CLA_COVARIANCE
    covariance = covariance + covariance.T - np.diag(np.diag(covariance))
    known = Moments(symbols=[f"X{i}" for i in range(1, 11)], mean=CLA_MEAN, covariance=covariance)
    for wanted, (risk, weights) in CLA_TURNING_POINTS.items():
        found = tw.portfolio.mean_variance(known, target_return=wanted)
        assert found.volatility == pytest.approx(risk, rel=1e-9)
        np.testing.assert_allclose(found.weights.values, weights, atol=1e-7)
    least = tw.portfolio.minimum_variance(known)
    assert least.expected_return == pytest.approx(0.8032153598765337, rel=1e-9)
    best = tw.portfolio.maximum_sharpe(known)
    assert best.sharpe == pytest.approx(4.4535, abs=5e-5)
