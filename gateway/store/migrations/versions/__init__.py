"""One file a migration, never edited after a release."""
