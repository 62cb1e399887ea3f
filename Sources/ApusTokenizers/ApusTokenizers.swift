// ApusTokenizers
