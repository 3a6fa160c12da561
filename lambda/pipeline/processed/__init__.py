"""What the processed bucket holds of each source: images, manifest, and how they are kept true."""
