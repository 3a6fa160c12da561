"""What MiniStack lacks of AWS's services, by AWS's documentation. Nothing of this runs on AWS."""

MINISTACK = "1.5.33"
"""The only version that this completes: it does so from the inside."""
