"""Simulated shops with an API, on loopback: what they answer is made by hand after their documentation."""
