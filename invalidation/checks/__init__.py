"""System checks, each with a stable id and its remedy; imported by who runs them."""
