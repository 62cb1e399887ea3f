// ApusDescription
