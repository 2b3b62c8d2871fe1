"""What hostile files, servers and configurations may try."""
