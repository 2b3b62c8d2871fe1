"""Setting a site up without writing YAML by hand: what is asked becomes entries of config.yaml.

`journeys` (what a platform can do) and `addresses` (where from, where to) → `wishes` (all answers) → `composing`
with `endpoint_text`, `target_text`, `route_text` (the entries) → `insertion` (into the text that is there) →
`applying` (onto the disk, or nothing of it). `standing` is what config.yaml has, `secret_files` keeps passwords.
"""
