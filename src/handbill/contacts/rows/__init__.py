"""From a file to typed columns: formats, encodings, which column is which field, values, rejects."""
