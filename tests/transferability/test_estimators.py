"""The estimators against plain formulas, their invariances, their order of good and bad features, their refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.covariance
import sklearn.linear_model
import sklearn.mixture
import sklearn.neighbors
from scipy.linalg import qr
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from transferlab.transferability.class_separation import coding_rate, h_score, ledoit_wolf_shrinkage, transrate
from transferlab.transferability.estimators import (
    ESTIMATORS,
    LEEP,
    NLEEP,
    HScore,
    LinearProbe,
    LogME,
    NearestNeighbours,
    NotDefined,
    TransRate,
)
from transferlab.transferability.gaussian_mixture import mixture_posteriors
from transferlab.transferability.items import Items
from transferlab.transferability.leep import leep, principal_components
from transferlab.transferability.linear_probe import logistic_regression, ridge, standardised, stratified_folds
from transferlab.transferability.log_evidence import log_evidence
from transferlab.transferability.nearest_neighbours import knn_accuracy, knn_r2
from transferlab.utils.errors import UserError

SIZES = [(60, 12), (40, 90)]  # more items than dimensions, and fewer
ON_FEATURES = [name for name in ESTIMATORS if name != "leep"]
OF_VALUES = ["logme", "knn", "linear_probe"]


def clusters(count: int, width: int, noise: float, number: int = 3, seed: int = 0) -> Items:
    """Classes of unequal size around centres; probabilities of source classes that follow them as closely."""
    generator = np.random.default_rng(seed)
    classes = generator.choice(number, count, p=np.arange(1, number + 1) / np.arange(1, number + 1).sum())
    classes[: 2 * number] = np.repeat(np.arange(number), 2)
    centres = generator.normal(size=(number, width))
    features = 0.5 + centres[classes] + noise * generator.normal(size=(count, width))
    logits = 2 * np.eye(number)[classes] / noise + generator.normal(size=(count, number))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Items(features, classes, source_probabilities=probabilities)


def values(count: int, width: int, noise: float, seed: int = 0) -> Items:
    """Values that follow from what few dimensions of the features have in common."""
    generator = np.random.default_rng(seed)
    hidden = generator.normal(size=(count, 3))
    features = hidden @ generator.normal(size=(3, width)) + noise * generator.normal(size=(count, width))
    labels = hidden @ np.array([1.0, -2.0, 0.5]) + 0.3 * generator.normal(size=count)
    return Items(features, labels, regression=True)


# --- LogME ---


def exact_evidence(features: np.ndarray, target: np.ndarray, alpha: float, beta: float) -> float:
    covariance = np.eye(len(target)) / beta + features @ features.T / alpha
    return multivariate_normal(np.zeros(len(target)), covariance).logpdf(target) / len(target)


@pytest.mark.parametrize(("count", "width"), SIZES)
@pytest.mark.parametrize("regression", [False, True])
def test_the_evidence_is_that_of_the_gaussian_at_its_precisions(count: int, width: int, regression: bool):
    items = values(count, width, 0.5) if regression else clusters(count, width, 2.0)
    targets = items.labels[:, None] if regression else np.eye(3)[items.labels]
    found = log_evidence(items.features, targets)
    exact = [
        exact_evidence(items.features, target, e.alpha, e.beta) for e, target in zip(found, targets.T, strict=True)
    ]
    assert [evidence.per_item for evidence in found] == pytest.approx(exact, rel=1e-8)
    assert LogME()(items) == pytest.approx(np.mean(exact), rel=1e-8)


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_the_evidence_is_the_maximum_over_both_precisions(count: int, width: int):
    items = values(count, width, 0.5)
    (found,) = log_evidence(items.features, items.labels[:, None])

    def loss(logs: np.ndarray) -> float:
        return -exact_evidence(items.features, items.labels, *np.exp(logs))

    for start in ([0, 0], [3, -2], [-2, 3]):
        other = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
        assert -other.fun <= found.per_item + 1e-10
    assert -loss(np.log([found.alpha, found.beta])) == pytest.approx(-other.fun, abs=1e-8)


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_the_precisions_are_the_fixed_point_of_the_published_iteration(count: int, width: int):
    items = values(count, width, 0.5)
    (found,) = log_evidence(items.features, items.labels[:, None])
    gram = items.features.T @ items.features
    weights = found.beta * np.linalg.solve(
        found.alpha * np.eye(width) + found.beta * gram, items.features.T @ items.labels
    )
    eigenvalues = np.linalg.eigvalsh(gram).clip(0)
    effective = (found.beta * eigenvalues / (found.alpha + found.beta * eigenvalues)).sum()
    residual = ((items.labels - items.features @ weights) ** 2).sum()
    assert found.alpha == pytest.approx(effective / (weights**2).sum(), rel=1e-3)  # the maximum is flat
    assert found.beta == pytest.approx((count - effective) / residual, rel=1e-3)


def test_more_dimensions_than_items_add_no_evidence():
    generator = np.random.default_rng(0)
    count, width, number = 100, 768, 4
    features, classes = generator.normal(size=(count, width)), generator.integers(number, size=count)
    score = LogME()(Items(features, classes))
    assert -1 < score < -0.5  # that of noise: labels are random
    targets = np.eye(number)[classes]
    found = log_evidence(features, targets)
    assert score == pytest.approx(
        np.mean([exact_evidence(features, y, e.alpha, e.beta) for e, y in zip(found, targets.T, strict=True)])
    )
    padded = np.hstack([features, np.zeros((count, 500))])  # dimensions that say nothing
    assert LogME()(Items(padded, classes)) == pytest.approx(score, rel=1e-9)


def test_labels_that_many_dimensions_explain_without_noise_have_the_evidence_of_that():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(20, 60))
    labels = features @ (features.T @ generator.normal(size=20))  # most of it along the directions of most variance
    (found,) = log_evidence(features, labels[:, None])
    best = labels @ np.linalg.solve(features @ features.T, labels) / 20  # of 1 / alpha
    without_noise = multivariate_normal(np.zeros(20), features @ features.T * best).logpdf(labels) / 20
    assert found.per_item == pytest.approx(without_noise, rel=1e-8)


def test_evidence_stays_finite_where_features_explain_labels_exactly_or_not_at_all():
    features = np.random.default_rng(0).normal(size=(50, 5))
    explained = Items(features, features @ np.arange(1.0, 6.0), regression=True)
    nearly = Items(features, explained.labels + 0.01 * np.random.default_rng(1).normal(size=50), regression=True)
    assert LogME()(nearly) < LogME()(explained) < 100
    across = np.linalg.svd(features)[0][:, -1]  # at right angles to all features
    noise = -0.5 * (np.log(2 * np.pi * (across**2).mean()) + 1)
    assert LogME()(Items(features, across, regression=True)) == pytest.approx(noise, rel=1e-6)


# --- H-score and TransRate ---


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_h_score_is_the_plain_formula(count: int, width: int):
    items = clusters(count, width, 2.0)
    centred = items.features - items.features.mean(axis=0)
    covariance, shrinkage = sklearn.covariance.ledoit_wolf(centred, assume_centered=True)
    means = np.array([centred[items.labels == label].mean(axis=0) for label in items.labels])
    expected = np.trace(np.linalg.inv(covariance) @ ((1 - shrinkage) * means.T @ means / count))
    assert 0 < shrinkage < 1
    assert ledoit_wolf_shrinkage(centred, np.linalg.eigvalsh(np.cov(centred.T, ddof=0)).clip(0)) == pytest.approx(
        shrinkage
    )
    assert HScore()(items) == pytest.approx(expected, rel=1e-9)


def test_h_score_of_dependent_dimensions_is_that_of_the_others():
    items = clusters(60, 12, 1.0)
    plain = HScore()(Items(items.features, items.labels))
    assert 0 < HScore()(Items(np.hstack([items.features] * 2), items.labels)) < 2
    assert 0 < plain < 2  # classes - 1


@pytest.mark.parametrize(("count", "width"), SIZES)
@pytest.mark.parametrize("scaled", [False, True])
def test_transrate_is_the_plain_formula(count: int, width: int, scaled: bool):
    items = clusters(count, width, 2.0)
    centred = items.features - items.features.mean(axis=0)
    if scaled:
        centred = centred / np.sqrt(np.trace(centred.T @ centred / count))

    def rate(points: np.ndarray) -> float:
        return 0.5 * np.linalg.slogdet(np.eye(width) + points.T @ points / (len(points) * 1e-3))[1]

    parts = [centred[items.labels == label] for label in range(3)]
    expected = rate(centred) - sum(len(part) / count * rate(part) for part in parts)
    assert transrate(items.features, items.labels, 1e-3, scaled) == pytest.approx(expected, rel=1e-9)
    assert coding_rate(centred, 1e-3) == pytest.approx(rate(centred), rel=1e-9)
    assert TransRate(1e-3, scaled)(items) == pytest.approx(expected, rel=1e-9)


def test_published_transrate_prefers_noise_where_items_are_fewer_than_dimensions():
    good, bad = clusters(120, 200, 0.5), clusters(120, 200, 3.0)
    assert TransRate(1e-4, scaled=False)(good) < TransRate(1e-4, scaled=False)(bad)
    assert TransRate()(good) > TransRate()(bad)


def test_transrate_looks_at_the_scale_only_when_told():
    items = clusters(60, 12, 1.0)
    larger = Items(3 * items.features, items.labels)
    assert TransRate()(larger) == pytest.approx(TransRate()(items))
    assert TransRate(scaled=False)(larger) != pytest.approx(TransRate(scaled=False)(items))


# --- LEEP and NLEEP ---


def plain_leep(probabilities: np.ndarray, classes: np.ndarray) -> float:
    count, sources = probabilities.shape
    total = 0.0
    for i in range(count):
        expected = 0.0
        for z in range(sources):
            marginal = sum(probabilities[j, z] for j in range(count))
            joint = sum(probabilities[j, z] for j in range(count) if classes[j] == classes[i])
            expected += probabilities[i, z] * (joint / marginal if marginal else 0)
        total += np.log(expected)
    return total / count


def test_leep_is_the_plain_formula_and_source_classes_that_never_occur_do_not_count():
    items = clusters(30, 4, 2.0)
    assert items.source_probabilities is not None
    probabilities = np.hstack([items.source_probabilities, np.zeros((30, 1))])
    expected = plain_leep(probabilities, items.labels)
    assert LEEP()(Items(items.features, items.labels, source_probabilities=probabilities)) == pytest.approx(expected)
    sixteen_bit = Items(items.features, items.labels, source_probabilities=probabilities.astype(np.float16))
    assert LEEP()(sixteen_bit) == pytest.approx(expected, abs=1e-3)


def test_leep_of_uninformative_probabilities_is_the_entropy_of_the_labels():
    classes = np.array([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert leep(np.full((4, 3), 1 / 3), classes) == pytest.approx(-entropy)
    assert leep(np.eye(2)[classes], classes) == 0


def test_nleep_of_separate_clusters_is_almost_zero_and_the_same_for_the_same_seed():
    items = clusters(200, 10, 0.1)
    assert -0.01 < NLEEP()(items) <= 0
    noisy = clusters(200, 10, 2.0)
    assert NLEEP(seed=3)(noisy) == NLEEP(seed=3)(noisy)
    assert NLEEP(seed=3)(noisy) != NLEEP(seed=4)(noisy)


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_principal_components_keep_the_share_of_the_variance(count: int, width: int):
    features = clusters(count, width, 1.0).features
    spectrum = np.sort(np.linalg.eigvalsh(np.cov(features.T, ddof=0)))[::-1]
    components = principal_components(features, 0.8)
    kept = components.shape[1]
    assert spectrum[: kept - 1].sum() < 0.8 * spectrum.sum() <= spectrum[:kept].sum()
    assert components.var(axis=0) == pytest.approx(spectrum[:kept])
    assert principal_components(features, 1.0).var(axis=0).sum() == pytest.approx(spectrum.sum())


def test_the_mixture_is_as_likely_as_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    kinds = generator.integers(3, size=400)
    points = np.array([[0, 0], [8, 0], [0, 8]])[kinds] + generator.normal(size=(400, 2)) * np.array([1.0, 2.0])
    posteriors = mixture_posteriors(points, 3, tolerance=1e-8)
    oracle = sklearn.mixture.GaussianMixture(3, covariance_type="diag", random_state=0, tol=1e-8, max_iter=500)
    expected = oracle.fit(points).predict_proba(points)
    order = [int(np.argmax(expected.T @ posteriors[:, k])) for k in range(3)]
    assert sorted(order) == [0, 1, 2]
    assert posteriors == pytest.approx(expected[:, order], abs=1e-3)
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(400))


# --- neighbours and the linear probe ---


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_knn_is_leave_one_out_with_all_similarities_sorted(count: int, width: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("transferlab.transferability.nearest_neighbours.ROWS", 7)
    items, scores = clusters(count, width, 2.0), values(count, width, 0.5)
    for k in (1, 5):
        right, guesses = 0, []
        for i in range(count):
            cosines = [
                -2 if j == i else a @ items.features[i] / np.linalg.norm(a) / np.linalg.norm(items.features[i])
                for j, a in enumerate(items.features)
            ]
            order = np.argsort(cosines)[::-1][:k]
            votes = [
                (sum(items.labels[order] == c), sum((np.array(cosines)[order] + 1)[items.labels[order] == c]))
                for c in range(3)
            ]
            right += max(range(3), key=lambda c: votes[c]) == items.labels[i]
            guesses.append(scores.labels[order].mean())
        assert knn_accuracy(items.features, items.labels, k) == pytest.approx(right / count)
        squared = ((scores.labels - guesses) ** 2).sum() / ((scores.labels - scores.labels.mean()) ** 2).sum()
        assert knn_r2(items.features, scores.labels, k) == pytest.approx(1 - squared)


def test_vectors_of_zeros_have_neighbours():
    features = np.vstack([np.zeros((2, 3)), np.eye(3), np.eye(3)])
    assert 0 <= NearestNeighbours(k=2)(Items(features, np.array([0, 0, 0, 1, 2, 0, 1, 2]))) <= 1


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_the_probe_is_that_of_scikit_learn(count: int, width: int):
    items, scores = clusters(count, width, 2.0), values(count, width, 0.5)
    fold = stratified_folds(items.labels, 5, seed=1)
    found = np.empty(count)
    for number in range(5):
        learned_from, judged = standardised(items.features[fold != number], items.features[fold == number])
        model = sklearn.linear_model.LogisticRegression(C=1 / (2 * width), tol=1e-8, max_iter=10000)
        model.fit(learned_from, items.labels[fold != number])
        log_probabilities = model.predict_log_proba(judged)
        found[fold == number] = log_probabilities[np.arange(len(judged)), items.labels[fold == number]]
    expected = np.mean([found[items.labels == label].mean() for label in range(3)])
    assert LinearProbe(penalty=2, seed=1)(items) == pytest.approx(expected, abs=1e-4)

    fold = stratified_folds(np.zeros(count, dtype=int), 5, seed=1)
    error = deviation = 0.0
    for number in range(5):
        learned_from, judged = standardised(scores.features[fold != number], scores.features[fold == number])
        target = scores.labels[fold == number]
        model = sklearn.linear_model.Ridge(alpha=2 * width).fit(learned_from, scores.labels[fold != number])
        error += ((target - model.predict(judged)) ** 2).sum()
        deviation += ((target - scores.labels[fold != number].mean()) ** 2).sum()
    assert LinearProbe(penalty=2, seed=1)(scores) == pytest.approx(1 - error / deviation, rel=1e-9)


@pytest.mark.parametrize(("count", "width"), SIZES)
def test_the_gradients_of_the_probe_vanish(count: int, width: int):
    items = clusters(count, width, 1.0)
    features, _ = standardised(items.features, items.features)
    targets = np.eye(3)[items.labels]
    weights, bias = logistic_regression(features, targets, 4.0)
    scores = np.exp(features @ weights + bias)
    errors = scores / scores.sum(axis=1, keepdims=True) - targets
    assert features.T @ errors + 4.0 * weights == pytest.approx(np.zeros((width, 3)), abs=1e-3)
    assert errors.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-3)
    slopes = ridge(features, targets[:, 0] - targets[:, 0].mean(), 4.0)
    left = features.T @ (features @ slopes - targets[:, 0] + targets[:, 0].mean()) + 4.0 * slopes
    assert left == pytest.approx(np.zeros(width), abs=1e-9)


def test_folds_deal_out_each_class_evenly():
    classes = np.array([0] * 13 + [1] * 2 + [2] * 5)
    fold = stratified_folds(classes, 5, seed=0)
    for label, number in ((0, 13), (1, 2), (2, 5)):
        sizes = np.bincount(fold[classes == label], minlength=5)
        assert sizes.sum() == number and sizes.max() - sizes.min() <= 1
    assert (fold != stratified_folds(classes, 5, seed=1)).any()


def test_the_probe_bears_classes_with_fewer_items_than_folds_and_leaves_single_ones_out():
    items = clusters(60, 12, 0.5)
    rare = Items(np.vstack([items.features, np.ones((2, 12))]), np.append(items.labels, [7, 7]))
    assert np.isfinite(LinearProbe()(rare))
    single = Items(np.vstack([items.features, np.ones((1, 12))]), np.append(items.labels, 7))
    assert LinearProbe()(single) == pytest.approx(LinearProbe()(items))
    with pytest.raises(NotDefined, match="fewer than two classes have two items"):
        LinearProbe()(Items(items.features[:10], np.array([0] * 9 + [1])))


def test_a_constant_dimension_changes_nothing_for_the_probe():
    features = np.full((20, 1), 0.1) + np.zeros((20, 2))
    learned_from, judged = standardised(features, features + 1)
    assert not learned_from.any() and not judged.any()


# --- all of them ---


def shuffled(items: Items) -> Items:
    labels = np.random.default_rng(1).permutation(items.labels)
    return Items(items.features, labels, items.regression, items.source_probabilities)


@pytest.mark.parametrize("name", list(ESTIMATORS))
@pytest.mark.parametrize(("count", "width"), [(150, 12), (120, 200)])
def test_separate_classes_score_above_mixed_ones_above_shuffled_ones(name: str, count: int, width: int):
    estimator = ESTIMATORS[name]()
    assert estimator.name == name
    good, bad = clusters(count, width, 0.5), clusters(count, width, 3.0)
    assert estimator(good) > estimator(bad) > estimator(shuffled(bad))
    assert estimator(good) > estimator(shuffled(good))


@pytest.mark.parametrize("name", OF_VALUES)
@pytest.mark.parametrize(("count", "width"), [(150, 12), (120, 200)])
def test_values_that_follow_from_features_score_above_noisy_and_shuffled_ones(name: str, count: int, width: int):
    estimator = ESTIMATORS[name]()
    good, bad = values(count, width, 0.1), values(count, width, 1.0)
    assert estimator(good) > estimator(bad) > estimator(shuffled(bad))
    assert estimator(good) > estimator(shuffled(good))


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_sixteen_bit_features_give_the_same_ranking(name: str):
    encoders = [clusters(300, 48, noise, number=4, seed=5) for noise in np.linspace(1.0, 6.0, 8)]
    scores = {}
    for precision in (np.float16, np.float32):
        scores[precision] = [
            ESTIMATORS[name]()(
                Items(e.features.astype(precision), e.labels, source_probabilities=e.source_probabilities)
            )
            for e in encoders
        ]
    assert np.argsort(scores[np.float16]).tolist() == np.argsort(scores[np.float32]).tolist()
    assert scores[np.float16] == pytest.approx(scores[np.float32], rel=0.02, abs=0.02)
    assert scores[np.float32][0] > scores[np.float32][-1]


@pytest.mark.parametrize("name", ["logme", "hscore", "transrate", "nleep", "knn"])
@pytest.mark.parametrize(("count", "width"), [(60, 12), (60, 90)])
def test_rotations_of_features_and_the_names_of_classes_do_not_matter(name: str, count: int, width: int):
    items = clusters(count, width, 2.0)
    rotation, _ = qr(np.random.default_rng(2).normal(size=(width, width)))
    centre = 0 if name in ("logme", "knn") else 5.0  # these look at the origin
    moved = Items(items.features @ rotation + centre, np.array([4, 9, 2])[items.labels])
    assert ESTIMATORS[name]()(moved) == pytest.approx(ESTIMATORS[name]()(items), rel=1e-8)


@pytest.mark.parametrize("name", ["logme", "hscore", "transrate", "leep", "knn"])
def test_the_order_of_items_does_not_matter(name: str):
    items = clusters(60, 12, 2.0)
    order = np.random.default_rng(3).permutation(60)
    assert items.source_probabilities is not None
    moved = Items(items.features[order], items.labels[order], source_probabilities=items.source_probabilities[order])
    assert ESTIMATORS[name]()(moved) == pytest.approx(ESTIMATORS[name]()(items), rel=1e-9)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_single_class_or_item_is_not_defined(name: str):
    items = clusters(60, 12, 1.0)
    with pytest.raises(NotDefined, match=f"{name}: 1 class among 60 items"):
        ESTIMATORS[name]()(Items(items.features, np.zeros(60, dtype=int), source_probabilities=np.full((60, 2), 0.5)))
    with pytest.raises(NotDefined, match="1"):
        ESTIMATORS[name]()(Items(items.features[:1], items.labels[:1], source_probabilities=np.full((1, 2), 0.5)))
    with pytest.raises(NotDefined):
        ESTIMATORS[name]()(Items(items.features[:0], items.labels[:0], source_probabilities=np.full((0, 2), 0.5)))


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_regression_is_defined_for_three(name: str):
    items = values(60, 12, 0.5)
    if name in OF_VALUES:
        assert np.isfinite(ESTIMATORS[name]()(items))
        with pytest.raises(NotDefined, match=f"{name}: all 60 items have the same value"):
            ESTIMATORS[name]()(Items(items.features, np.ones(60), regression=True))
    else:
        with pytest.raises(NotDefined, match=f"{name} is defined for classes"):
            ESTIMATORS[name]()(items)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_features_that_say_nothing_or_overflowed_are_not_defined(name: str):
    items = clusters(60, 12, 1.0)
    with pytest.raises(NotDefined, match=f"{name}: all 60 items have the same vector"):
        ESTIMATORS[name]()(Items(np.ones((60, 12)), items.labels))
    overflowed = items.features.astype(np.float16)
    overflowed[3, 4] = np.inf
    overflowed[7] = np.nan
    with pytest.raises(NotDefined, match=f"{name}: 2 of 60 vectors are not finite"):
        ESTIMATORS[name]()(Items(overflowed, items.labels))


def test_too_few_items_for_the_options_are_not_defined():
    items = clusters(20, 12, 1.0)
    with pytest.raises(NotDefined, match=r"20 items are too few for 15 clusters.*components_per_class=5"):
        NLEEP()(items)
    with pytest.raises(NotDefined, match=r"20 items are too few for estimator.k=20"):
        NearestNeighbours(k=20)(items)
    with pytest.raises(NotDefined, match=r"20 items are too few for estimator.folds=11"):
        LinearProbe(folds=11)(items)
    with pytest.raises(NotDefined, match="leep needs probabilities"):
        LEEP()(Items(items.features, items.labels))


@pytest.mark.parametrize(
    ("estimator", "options", "key"),
    [
        (NearestNeighbours, {"k": 0}, "k=0"),
        (NearestNeighbours, {"k": 2.5}, "k=2.5"),
        (NLEEP, {"components_per_class": 0}, "components_per_class=0"),
        (NLEEP, {"variance": 1.5}, "variance=1.5"),
        (NLEEP, {"seed": -1}, "seed=-1"),
        (TransRate, {"epsilon": 0}, "epsilon=0"),
        (LinearProbe, {"folds": 1}, "folds=1"),
        (LinearProbe, {"penalty": 0.0}, "penalty=0.0"),
        (LinearProbe, {"penalty": float("inf")}, "penalty=inf"),
    ],
)
def test_bad_options_are_refused_with_their_key(estimator: type, options: dict, key: str):
    with pytest.raises(UserError, match=f"estimator.{key}"):
        estimator(**options)


def test_items_that_do_not_fit_together_are_refused():
    items = clusters(30, 4, 1.0)
    with pytest.raises(UserError, match=r"features \(30, 4\) must be \[items, width\] for 29 labels"):
        LogME()(Items(items.features, items.labels[1:]))
    with pytest.raises(UserError, match="whole number from 0"):
        HScore()(Items(items.features, items.labels - 1))
    with pytest.raises(UserError, match="whole number from 0"):
        HScore()(Items(items.features, items.labels.astype(float)))
    with pytest.raises(UserError, match="finite number"):
        LogME()(Items(items.features, np.full(30, np.nan), regression=True))
    with pytest.raises(UserError, match=r"\(29, 3\)"):
        LEEP()(Items(items.features, items.labels, source_probabilities=np.full((29, 3), 1 / 3)))
    with pytest.raises(UserError, match="not logits"):
        LEEP()(Items(items.features, items.labels, source_probabilities=np.ones((30, 3))))


def test_functional_forms_compute_in_double_precision_whatever_comes_in():
    items = clusters(60, 12, 1.0)
    features = items.features.astype(np.float16)
    assert h_score(features, items.labels) == h_score(features.astype(np.float64), items.labels)
    assert transrate(features, items.labels) == transrate(features.astype(np.float64), items.labels)
