"""How to be a bad receiver and a bad sender, on purpose."""
