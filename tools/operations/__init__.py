"""Commands for operators: deploy, diagnose, retry failed uploads, backfill, prune, destroy."""
