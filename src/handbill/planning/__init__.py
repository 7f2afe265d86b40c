"""Who gets what, when, why not the others, and what it costs: the same stages for a plan and for a run."""
