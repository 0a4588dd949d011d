"""Images on their way into a data set: reading whole files only, cleaning, matching pairs."""
