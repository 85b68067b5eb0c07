"""Decisions as pure functions: state, facts, the time and a chance go in, a value comes out."""
