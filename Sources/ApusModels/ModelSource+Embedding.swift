import ApusBase

extension ModelSource {
    /// The files of sentence-transformers in a folder, by their names in it.
    static let embeddingFiles = ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]
    package static let poolingFolders = ["1_Pooling"]

    /// How embeddings are made; nil when the folder has no `modules.json`, and the GGUF file no key for pooling.
    /// - Throws: an `InputError` for a file that cannot be read, and for a module or a switch of one that is not built here.
    public func embeddingRecipe() throws(InputError) -> EmbeddingRecipe? {
        let file = path + "/modules.json"
        if let gguf { return try EmbeddingRecipe(gguf, path: path) }
        guard fileExists(file) else { return nil }
        guard let modules = try JSON(contentsOf: file, limit: 1 << 20).array else { throw InputError(file, "is no list of modules") }
        var recipe = EmbeddingRecipe()
        for (index, module) in modules.enumerated() {
            let at = "module \(index)"
            guard let type = module["type"]?.string, let folder = module["path"]?.string else {
                throw InputError(file, at: at, "must have a \"type\" and a \"path\"")
            }
            switch (index, type.split(separator: ".").last.map(String.init) ?? "") {
            case (0, "Transformer"):
                guard folder.isEmpty else { throw InputError(file, at: at, "the model lies in a folder of its own, \(folder), which is not supported") }
            case (1, "Pooling"):
                guard Self.poolingFolders.contains(folder) else {
                    throw InputError(file, at: at, "the path \"\(folder)\" is not supported", remedy: "only 1_Pooling is")
                }
                recipe.pooling = try pooling(path + "/" + folder + "/config.json")
            case (2, "Normalize"): recipe.normalizes = true
            case (_, let name):
                throw InputError(
                    file, at: at, "\"\(name)\" is not supported here", remedy: "supported are Transformer, Pooling and, last, Normalize")
            }
        }
        guard modules.count >= 2 else { throw InputError(file, "has no Pooling module, without which a text has no vector of its own") }
        try readLength(into: &recipe)
        try readPrompt(into: &recipe)
        return recipe
    }

    private func config(_ file: String) throws(InputError) -> ConfigReader {
        let json = try JSON(contentsOf: file, limit: 1 << 20)
        guard let object = json.object else { throw InputError(file, "is \(json.kind), not an object") }
        return ConfigReader(path: file, object)
    }

    private func pooling(_ file: String) throws(InputError) -> EmbeddingRecipe.Pooling {
        var config = try config(file)
        for key in ["word_embedding_dimension", "embedding_dimension"] {
            if let width = try config.int(key), width != description.width {
                throw config.error(key, "\(width) is not the model's width, \(description.width)")
            }
        }
        try config.expect("include_prompt", .bool(true))
        // The older spelling is a switch a mode, the newer one a name.
        let modes = ["pooling_mode_mean_tokens": EmbeddingRecipe.Pooling.mean, "pooling_mode_cls_token": .cls]
        var chosen: [EmbeddingRecipe.Pooling] = []
        for (key, mode) in modes where try config.bool(key) ?? false { chosen.append(mode) }
        if let name = try config.string("pooling_mode") {
            guard let mode = EmbeddingRecipe.Pooling(rawValue: name) else {
                throw config.error("pooling_mode", "\(name) is not supported", remedy: "mean and cls are")
            }
            chosen.append(mode)
        }
        for key in config.unusedKeys where !config.isFalse(key) { throw config.error(key, "is not supported", remedy: "pooling by mean and by cls is") }
        guard chosen.count == 1 else { throw InputError(file, "names \(chosen.count) ways to pool, where one is needed", remedy: "mean and cls are supported") }
        return chosen[0]
    }

    private func readLength(into recipe: inout EmbeddingRecipe) throws(InputError) {
        let file = path + "/sentence_bert_config.json"
        if fileExists(file) {
            var config = try config(file)
            recipe.maxTokens = try config.int("max_seq_length")
            try config.expect("do_lower_case", .bool(false))
        }
        let tokenizer = path + "/tokenizer_config.json"
        if recipe.maxTokens == nil, fileExists(tokenizer) {
            // Tokenizers without a limit say so by a number that no integer holds.
            recipe.maxTokens = try JSON(contentsOf: tokenizer)["model_max_length"]?.int
        }
    }

    private func readPrompt(into recipe: inout EmbeddingRecipe) throws(InputError) {
        let file = path + "/config_sentence_transformers.json"
        guard fileExists(file) else { return }
        var config = try config(file)
        guard let name = try config.string("default_prompt_name") else { return }
        guard var prompts = try config.section("prompts"), let prompt = try prompts.string(name) else {
            throw config.error("default_prompt_name", "\"\(name)\" is not among the prompts")
        }
        recipe.prompt = prompt
    }
}

extension ConfigReader {
    fileprivate func isFalse(_ key: String) -> Bool {
        var copy = self
        return isNull(key) || copy.value(key) == .bool(false)
    }
}
