"""How fast the gateway is, beside a converter that was written by hand for one job."""
