// ApusCheckpoints
