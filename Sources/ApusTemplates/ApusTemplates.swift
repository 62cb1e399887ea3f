// ApusTemplates
