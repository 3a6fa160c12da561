"""What can keep a deployment from working, found before anything is deployed."""
