"""Find problems that would make a deployment fail, before anything is deployed."""
