"""A model checker for the state machines: routers on a virtual clock, through whatever a network can do to them."""
