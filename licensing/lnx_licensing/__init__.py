"""Keys, licence files, dongle provisioning and diagnosis."""
