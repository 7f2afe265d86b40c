"""What it means: numbers measured by intention to treat, and the page that says them so that nobody misreads them."""
