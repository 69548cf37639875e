"""How alerts leave the program: one module per kind of receiver, each delivering one alert at a time."""
