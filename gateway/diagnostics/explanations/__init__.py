"""The texts behind `gateway explain CODE`, one YAML file per room."""
