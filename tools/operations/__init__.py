"""What operators of a deployment do: retry failed uploads, backfill, prune."""
