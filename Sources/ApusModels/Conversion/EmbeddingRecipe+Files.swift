import ApusBase

extension EmbeddingRecipe {
    /// Writes the files of sentence-transformers that say so; returns their bytes.
    /// - Parameter width: of the vectors.
    func write(to folder: AtomicFolder, width: Int) throws(InputError) -> Int {
        func write(_ name: String, _ json: JSON) throws(InputError) -> Int { try folder.write(name, json.serialized(pretty: true) + "\n") }
        let names = ["Transformer", "Pooling"] + (normalizes ? ["Normalize"] : [])
        let modules = names.enumerated().map { index, name in
            JSON.object([
                "idx": .integer(index), "name": .string("\(index)"), "path": .string(index == 0 ? "" : "\(index)_\(name)"),
                "type": .string("sentence_transformers.models." + name),
            ])
        }
        var byteCount = try write("modules.json", .array(modules))
        try folder.makeSubfolder(ModelSource.poolingFolders[0])
        byteCount += try write(
            ModelSource.poolingFolders[0] + "/config.json",
            .object([
                "word_embedding_dimension": .integer(width), "pooling_mode_cls_token": .bool(pooling == .cls),
                "pooling_mode_mean_tokens": .bool(pooling == .mean), "pooling_mode_max_tokens": .bool(false),
                "pooling_mode_mean_sqrt_len_tokens": .bool(false), "include_prompt": .bool(true),
            ]))
        if let maxTokens {
            byteCount += try write("sentence_bert_config.json", .object(["max_seq_length": .integer(maxTokens), "do_lower_case": .bool(false)]))
        }
        if !prompt.isEmpty {
            byteCount += try write(
                "config_sentence_transformers.json",
                .object(["prompts": .object(["default": .string(prompt)]), "default_prompt_name": .string("default")]))
        }
        return byteCount
    }
}
