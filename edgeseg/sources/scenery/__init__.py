"""What the procedural street is made of: its plan, its light, its textures and their painters."""
