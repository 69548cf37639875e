"""What lets connections outlive a planned change of masters: the old one finishes what the new one sends back to it."""
