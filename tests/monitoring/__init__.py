"""The planned alarms, replayed on metrics as the function and AWS emit them."""
