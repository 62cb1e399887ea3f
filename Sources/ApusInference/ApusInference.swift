// ApusInference
