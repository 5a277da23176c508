"""What can be learnt of lung nodules: one file a task."""
