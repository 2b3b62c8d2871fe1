"""From an input to its deliveries: intake, pipeline, planning, courier."""
