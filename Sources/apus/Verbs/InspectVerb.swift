import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusModels
import ArgumentParser

struct InspectVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Tell what a model is, and whether its files are sound.",
        discussion: "Checks names, shapes, types and byte ranges of all tensors as loading does, without reading the weights.")

    @Option(name: .shortAndLong, help: "A .gguf file, a folder in Hugging Face layout, or org/name from the cache.") var model: String?
    @Option(
        name: .long,
        help: """
            Instead of a model, published ones side by side: names of built-in presets or their families, with commas between, such as \
            llama-2-7b,chatglm,falcon,bloom; or all. FLOPs are those of a token at the end of the context, KV bytes those of 16-bit caches.
            """) var compare: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (model == nil) != (compare == nil) else { throw ValidationError("give either --model or --compare") }
    }

    func run() throws {
        if let compare { return try printTable(compare.split(separator: ",").map(String.init)) }
        guard let model else { return }
        let source = try ModelSource(path: try Environment.modelPath(model))
        for note in source.notes { printError(note) }
        var object = axes(of: source.description)
        if let recipe = try source.embeddingRecipe() {
            object["sentence_embedding"] = .object([
                "pooling": .string(recipe.pooling.rawValue), "normalized": .bool(recipe.normalizes),
                "max_tokens": recipe.maxTokens.map { .integer($0) } ?? .null, "prompt": .string(recipe.prompt),
            ])
        }
        let tensors = tensorTypes(source.checkpoint)
        object["tensors"] = .object(tensors)
        object["bytes"] = .integer(source.checkpoint.entries.reduce(0) { $0 + $1.byteCount })
        object["tokenizer"] = try source.tokenizerKind().map { .string($0) } ?? .null
        object["chat_template"] = .bool(try source.chatTemplate() != nil)
        output.json(object)
        if output.output == .text { writeOut(table(object)) }
    }

    private func printTable(_ names: [String]) throws {
        var presets: [Preset] = []
        for name in names {
            let named = Preset.named(name)
            guard !named.isEmpty else {
                let families = Preset.all.map(\.family).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
                throw ValidationError(
                    "--compare: \(name) is no preset; there are all, \(families.joined(separator: ", ")), and their sizes, such as llama-2-7b")
            }
            presets += named.filter { preset in !presets.contains { $0.name == preset.name } }
        }
        let table = ArchitectureTable(presets: presets)
        output.json(table.json)
        if output.output == .text { writeOut(table.text) }
    }

    // MARK: The description as JSON

    private func axes(of description: DecoderDescription) -> JSONObject {
        var object: JSONObject = [
            "architecture": .string(description.architecture), "parameters": .integer(description.parameterCount),
            "layers": .integer(description.layers.count), "width": .integer(description.width),
            "vocabulary_size": .integer(description.vocabularySize), "context_length": .integer(description.contextLength),
            "tied_head": .bool(description.head?.tied ?? false), "norm": .object(norm(description.norm)),
            "position": .object(position(description.position)),
            "layer_groups": .array(groups(description.layers).map { .object($0) }),
        ]
        if !description.finalNorm { object["final_norm"] = .bool(false) }
        if description.head == nil { object["structure"] = .string("encoder") }
        if let encoder = description.encoder {
            object["structure"] = .string("encoder-decoder")
            object["encoder"] = .object([
                "layers": .integer(encoder.layers.count), "position": .object(position(encoder.position)),
                "layer_groups": .array(groups(encoder.layers).map { .object($0) }),
            ])
            object["start_token"] = .integer(encoder.startToken)
        }
        let embedding = description.embedding
        if embedding != EmbeddingDescription() {
            object["embedding"] = .object([
                "width": .integer(embedding.width ?? description.width), "scale": .number(Double("\(embedding.scale)")!),
                "norm": .bool(embedding.norm), "token_types": .integer(embedding.tokenTypes),
            ])
        }
        if let head = description.head, head != HeadDescription(tied: head.tied) {
            object["head"] = .object([
                "bias": .bool(head.bias), "soft_cap": head.softCap.map { .number(Double("\($0)")!) } ?? .null,
                "scale": .number(Double("\(head.scale)")!),
            ])
        }
        if let head = description.maskedHead {
            object["masked_head"] = .object([
                "tied": .bool(head.tied), "bias": .bool(head.bias), "transform": head.transform.map { .string($0.rawValue) } ?? .null,
            ])
        }
        if let infilling = description.infilling {
            object["infilling"] = .object([
                "start_token": .integer(infilling.start), "mask_tokens": .array(infilling.masks.map { .integer($0) }),
            ])
        }
        return object
    }

    private func norm(_ norm: NormKind) -> JSONObject {
        switch norm {
        case .rms(let epsilon, let offset):
            ["kind": .string("rms"), "epsilon": .number(Double("\(epsilon)")!), "offset": .number(Double(offset))]
        case .layer(let epsilon): ["kind": .string("layer"), "epsilon": .number(Double("\(epsilon)")!)]
        }
    }

    private func position(_ position: PositionEncoding) -> JSONObject {
        func object(_ kind: String, _ rotary: RotaryDescription) -> JSONObject {
            [
                "kind": .string(kind), "style": .string(rotary.style.rawValue), "base": .number(rotary.base),
                "dimensions": .integer(rotary.dimensions), "scaling": .object(scaling(rotary.scaling)),
            ]
        }
        return switch position {
        case .none: ["kind": .string("none")]
        case .learned(let offset): ["kind": .string("learned"), "offset": .integer(offset)]
        case .sinusoidal(let offset): ["kind": .string("sinusoidal"), "offset": .integer(offset)]
        case .rotary(let rotary): object("rotary", rotary)
        case .rotary2D(let rotary): object("rotary2D", rotary)
        case .alibi(let style): ["kind": .string("alibi"), "style": .string(style.rawValue)]
        case .relative(let relative):
            [
                "kind": .string("relative"), "buckets": .integer(relative.buckets), "max_distance": .integer(relative.maxDistance),
                "bidirectional": .bool(relative.isBidirectional),
            ]
        }
    }

    private func topology(_ topology: BlockTopology) -> JSONObject {
        switch topology {
        case .parallel(let norms): ["kind": .string("parallel"), "norms": .integer(norms.rawValue)]
        case .sequential(.pre): ["kind": .string("sequential"), "norm": .string("pre")]
        case .sequential(.post): ["kind": .string("sequential"), "norm": .string("post")]
        case .sequential(.deepNorm(let scale)):
            ["kind": .string("sequential"), "norm": .string("DeepNorm"), "residual_scale": .number(Double("\(scale)")!)]
        case .sequential(.sandwich): ["kind": .string("sequential"), "norm": .string("sandwich")]
        case .sequential(.normedResidual(let scale)):
            ["kind": .string("sequential"), "norm": .string("normed residual"), "residual_scale": .number(Double("\(scale)")!)]
        }
    }

    private func mask(_ mask: AttentionMask) -> String {
        switch mask {
        case .causal: "causal"
        case .window: "window"
        case .prefix: "prefix"
        case .full: "full"
        }
    }

    private func scaling(_ scaling: RotaryDescription.Scaling) -> JSONObject {
        switch scaling {
        case .none: ["kind": .string("none")]
        case .linear(let factor): ["kind": .string("linear"), "factor": .number(factor)]
        case .dynamicNTK(let factor, let original):
            ["kind": .string("dynamic"), "factor": .number(factor), "original_context": .integer(original)]
        case .yarn(let yarn):
            [
                "kind": .string("yarn"), "factor": .number(yarn.factor), "original_context": .integer(yarn.originalContext),
                "beta_fast": .number(yarn.betaFast), "beta_slow": .number(yarn.betaSlow), "attention_factor": .number(yarn.attentionFactor),
                "truncates": .bool(yarn.truncates),
            ]
        case .llama3(let factor, let low, let high, let original):
            [
                "kind": .string("llama3"), "factor": .number(factor), "low_frequency_factor": .number(low), "high_frequency_factor": .number(high),
                "original_context": .integer(original),
            ]
        case .divisors(let divisors): ["kind": .string("divisors"), "divisors": .array(divisors.map { .number(Double("\($0)")!) })]
        }
    }

    /// Runs of equal layers.
    private func groups(_ layers: [LayerDescription]) -> [JSONObject] {
        let starts = layers.indices.filter { $0 == 0 || layers[$0] != layers[$0 - 1] }
        return zip(starts, starts.dropFirst() + [layers.count]).map { start, end in
            let feedForward = layers[start].feedForward
            var object: JSONObject = [
                "first": .integer(start), "count": .integer(end - start),
                "attention": .object(self.attention(layers[start].attention)),
                "feed_forward": .object([
                    "width": .integer(feedForward.width), "kind": .string(feedForward.kind.rawValue), "activation": .string(feedForward.activation.rawValue),
                    "bias": .bool(feedForward.bias),
                ]),
                "topology": .object(topology(layers[start].topology)),
            ]
            if let cross = layers[start].crossAttention { object["cross_attention"] = .object(attention(cross)) }
            if let own = layers[start].position { object["position"] = .object(position(own)) }
            return object
        }
    }

    private func attention(_ attention: AttentionDescription) -> JSONObject {
        [
            "heads": .integer(attention.heads), "kv_heads": .integer(attention.kvHeads), "head_size": .integer(attention.headSize),
            "window": attention.window.map { .integer($0) } ?? .null, "input_bias": .bool(attention.inputBias),
            "output_bias": .bool(attention.outputBias), "query_key_norm": .bool(attention.queryKeyNorm != nil), "mask": .string(mask(attention.mask)),
            "scale": attention.scale.map { .number(Double("\($0)")!) } ?? .null,
            "soft_cap": attention.softCap.map { .number(Double("\($0)")!) } ?? .null,
        ]
    }

    /// Number and bytes of the tensors of each type.
    private func tensorTypes(_ checkpoint: any Checkpoint) -> JSONObject {
        var counts: [String: (count: Int, bytes: Int)] = [:]
        for entry in checkpoint.entries {
            counts["\(entry.dtype)", default: (0, 0)].count += 1
            counts["\(entry.dtype)", default: (0, 0)].bytes += entry.byteCount
        }
        var object = JSONObject()
        for (type, value) in counts.sorted(by: { $0.key < $1.key }) {
            object[type] = .object(["count": .integer(value.count), "bytes": .integer(value.bytes)])
        }
        return object
    }

    // MARK: The same as a table

    private func table(_ object: JSONObject) -> String {
        var rows: [(name: String, value: String)] = []
        func add(_ object: JSONObject, under prefix: String) {
            for (key, value) in object.members {
                switch (key, value) {
                case ("tensors", .object(let types)):
                    for (type, value) in types.members { rows.append(("tensors: \(type)", "\(value["count"]!.int!), \(value["bytes"]!.int!) bytes")) }
                case ("layer_groups", .array(let groups)):
                    for group in groups { addGroup(group.object!, name: prefix + (groups.count > 1 ? groupName(group) : "")) }
                case (_, .object(let object)): add(object, under: prefix + words(key) + ": ")
                default: rows.append((prefix + words(key), text(value)))
                }
            }
        }
        func addGroup(_ group: JSONObject, name: String) {
            var axes = group
            axes["first"] = nil
            axes["count"] = nil
            add(axes, under: name)
        }
        add(object, under: "")
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { $0.name + String(repeating: " ", count: width - $0.name.count + 2) + $0.value + "\n" }.joined()
    }

    private func words(_ key: String) -> String { key.replacing("_", with: " ") }

    private func text(_ value: JSON) -> String {
        switch value {
        case .null: "none"
        case .bool(let flag): flag ? "yes" : "no"
        case .string(let text): text
        default: value.int.map(String.init) ?? value.serialized()
        }
    }

    private func groupName(_ group: JSON) -> String {
        let first = group["first"]!.int!, count = group["count"]!.int!
        return count == 1 ? "layer \(first): " : "layers \(first) to \(first + count - 1): "
    }
}

extension ModelSource {
    /// What the files call the kind of tokenizer that comes with them; nil when there is none. It may be one that is not built here.
    func tokenizerKind() throws(InputError) -> String? {
        if let gguf { return try gguf.string("tokenizer.ggml.model") }
        if fileExists(path + "/tokenizer.json") { return try JSON(contentsOf: path + "/tokenizer.json")["model"]?["type"]?.string }
        let sentencePieceFiles = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "ice_text.model"]
        if sentencePieceFiles.contains(where: { fileExists(path + "/" + $0) }) { return "sentencepiece" }
        return fileExists(path + "/vocab.txt") ? "WordPiece" : nil
    }
}
