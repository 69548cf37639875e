"""The agent's settings file (TOML): routers, what they track, whom they tell and what moves with them."""
