// ApusLayers
