"""What Isthmus can do in numbers: one module a claim, a runner, and the soak."""
