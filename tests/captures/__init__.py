"""The sample captures and what the program must conclude from each."""
