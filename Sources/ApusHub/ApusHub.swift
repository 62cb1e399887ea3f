// ApusHub
