// ApusModels
