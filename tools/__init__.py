"""Scripts for people who work on signerd. Each does one job; none is part of the package."""
