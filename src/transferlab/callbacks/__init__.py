"""Callbacks of Hydra (results of jobs and sweeps) and of Lightning (what is watched while a model trains)."""
