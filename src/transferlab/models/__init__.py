"""LightningModules, one per task family, over a shared base."""
