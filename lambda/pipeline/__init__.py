"""Images in, renditions out. `process` tells the story; imports point down only."""
