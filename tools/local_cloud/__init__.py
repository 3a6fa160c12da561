"""What MiniStack lacks of AWS's services, by AWS's documentation. Nothing of this runs on AWS."""
