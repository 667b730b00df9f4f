"""Generator of the embedded sample: one invented world, told in the formats of five public corpora."""
