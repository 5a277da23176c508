"""Detection of objects of any kind in volumes: heat maps of centres, candidates, their crops."""
