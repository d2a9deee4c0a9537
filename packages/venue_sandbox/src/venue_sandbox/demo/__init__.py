"""The demo: the main job from prices to a filled book, and what happens when things go wrong; on invented prices."""
