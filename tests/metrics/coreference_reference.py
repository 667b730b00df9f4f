"""Coreference counts by enumeration: slow, as the papers define them; the parity tests compare with these.

Every function returns (recall numerator, recall denominator, precision numerator, precision denominator).
"""

from itertools import combinations, permutations


def reference_counts(key, response):
    known = {mention for cluster in key for mention in cluster}
    key, response = first_copies(key, known), first_copies(response, known)
    return {
        "muc": (*muc_recall(key, response), *muc_recall(response, key)),
        "b_cubed": (*b_cubed_recall(key, response), *b_cubed_recall(response, key)),
        "ceaf_m": ceaf(key, response, lambda k, r: len(set(k) & set(r)), size=len),
        "ceaf_e": ceaf(key, response, lambda k, r: 2 * len(set(k) & set(r)) / (len(k) + len(r)), size=lambda _: 1),
        "lea": (*lea_recall(key, response), *lea_recall(response, key)),
        "blanc_coreference": common(coreference_links(key), coreference_links(response)),
        "blanc_non_coreference": common(non_coreference_links(key), non_coreference_links(response)),
        "mentions": common({m for cluster in key for m in cluster}, {m for cluster in response for m in cluster}),
    }


def first_copies(clusters, known):
    """Walk through the mentions; drop those of the key that came before, then the empty clusters."""
    came, result = [], []
    for cluster in clusters:
        kept = []
        for mention in cluster:
            if not (mention in known and mention in came):
                kept.append(mention)
            came.append(mention)
        result.append(kept)
    return [cluster for cluster in result if cluster]


def muc_recall(clusters, others):
    """Vilain et al.: a cluster of n mentions that falls into p parts keeps n - p of its n - 1 links."""
    numerator = denominator = 0
    for cluster in clusters:
        parts = []  # one identity for each mention: the cluster of the others that has it, or itself
        for place, mention in enumerate(cluster):
            homes = [j for j, other in enumerate(others) if mention in other]
            parts.append(("cluster", homes[0]) if homes else ("alone", place))
        numerator += len(cluster) - len(set(parts))
        denominator += len(cluster) - 1
    return numerator, denominator


def b_cubed_recall(clusters, others):
    """Bagga and Baldwin: for each mention, the share of its cluster that is with it on the other side."""
    total = mentions = 0
    for cluster in clusters:
        for mention in cluster:
            company = next((other for other in others if mention in other), [])
            total += len(set(cluster) & set(company)) / len(cluster)
            mentions += 1
    return total, mentions


def ceaf(key, response, similarity, size):
    """Luo: the best of all one-to-one assignments, by trying them all."""
    few, many = sorted((key, response), key=len)
    best = max(
        sum(similarity(one, other) for one, other in zip(few, order, strict=True))
        for order in permutations(many, len(few))
    )
    return best, sum(map(size, key)), best, sum(map(size, response))


def lea_recall(clusters, others):
    """Moosavi and Strube: the share of the links of each entity that are resolved, weighted by its size."""

    def links(cluster):
        return set(combinations(sorted(cluster), 2)) if len(cluster) > 1 else {(cluster[0], cluster[0])}

    total = mentions = 0
    for cluster in clusters:
        resolved = sum(len(links(cluster) & links(other)) for other in others)
        count = len(cluster) * (len(cluster) - 1) / 2 if len(cluster) > 1 else 1
        total += len(cluster) * resolved / count
        mentions += len(cluster)
    return total, mentions


def coreference_links(clusters):
    return {tuple(sorted(pair)) for cluster in clusters for pair in combinations(cluster, 2)}


def non_coreference_links(clusters):
    return {tuple(sorted((a, b))) for one, other in combinations(clusters, 2) for a in one for b in other}


def common(key, response):
    return len(key & response), len(key), len(key & response), len(response)
