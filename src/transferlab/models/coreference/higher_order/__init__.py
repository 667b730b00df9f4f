"""Scores that depend on more than two spans, one file per method."""

from transferlab.models.coreference.higher_order.attended_antecedent import AttendedAntecedent
from transferlab.models.coreference.higher_order.base import SpanRefinement
from transferlab.models.coreference.higher_order.entity_equalization import EntityEqualization
from transferlab.models.coreference.higher_order.max_antecedent import MaxAntecedent
from transferlab.models.coreference.higher_order.span_clustering import SpanClustering

REFINEMENTS: dict[str, type[SpanRefinement]] = {
    "attended_antecedent": AttendedAntecedent,
    "max_antecedent": MaxAntecedent,
    "entity_equalization": EntityEqualization,
    "span_clustering": SpanClustering,
}
CLUSTER_MERGING = "cluster_merging"
METHODS = (*REFINEMENTS, CLUSTER_MERGING)
