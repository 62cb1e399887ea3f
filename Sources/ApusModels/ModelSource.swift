import ApusBase
import ApusCheckpoints
import ApusDescription

/// A model as its files describe it, before any weight is read.
public struct ModelSource: Sendable {
    /// As it was given: a `.gguf` file or a folder.
    public let path: String
    /// What the configuration or the metadata say of the decoder.
    public let description: DecoderDescription
    package let checkpoint: any Checkpoint
    let scheme: ParameterNames.Scheme
    /// Query and key rows of a head lie interleaved in the file (GGUF's llama), not half-split as here.
    let interleavedHeads: Bool
    /// What was in the files and changes nothing, for a line on standard error each.
    public let notes: [String]
    /// The file's metadata when it is a GGUF file.
    package let gguf: GGUFMetadata?

    /// A `.gguf` file, or a folder in Hugging Face layout.
    public init(path: String) throws(InputError) {
        if path.hasSuffix(".gguf") { self = try GGUFSource.open(path) } else { self = try HuggingFaceSource.open(path) }
        try checkTensors()
    }

    init(
        path: String, description: DecoderDescription, checkpoint: any Checkpoint, scheme: ParameterNames.Scheme, interleavedHeads: Bool,
        notes: [String], gguf: GGUFMetadata?
    ) {
        self.path = path
        self.description = description
        self.checkpoint = checkpoint
        self.scheme = scheme
        self.interleavedHeads = interleavedHeads
        self.notes = notes
        self.gguf = gguf
    }

    /// The tensor of a canonical parameter.
    func entry(_ canonical: String) throws(InputError) -> TensorEntry {
        let name = ParameterNames.name(canonical, in: scheme)
        guard let entry = checkpoint.entry(name) else {
            throw InputError(checkpoint.path, "the tensor \(name) is missing", remedy: "the checkpoint is incomplete; fetch or convert it again")
        }
        return entry
    }

    /// All parameters of the description with their shapes.
    var parameters: [(canonical: String, shape: [Int])] {
        let c = description.width, v = description.vocabularySize
        var list: [(String, [Int])] = [("embedding.weight", [v, c]), ("norm.weight", [c])]
        if !description.tiedHead { list.append(("head.weight", [v, c])) }
        for (index, layer) in description.layers.enumerated() {
            let a = layer.attention, f = layer.feedForward.width
            func add(_ module: String, _ outputs: Int, _ inputs: Int, bias: Bool) {
                list.append(("layers.\(index).\(module).weight", [outputs, inputs]))
                if bias { list.append(("layers.\(index).\(module).bias", [outputs])) }
            }
            func addNorm(_ module: String, _ width: Int) { list.append(("layers.\(index).\(module).weight", [width])) }
            addNorm("attentionNorm", c)
            add("attention.query", a.heads * a.headSize, c, bias: a.inputBias)
            add("attention.key", a.kvHeads * a.headSize, c, bias: a.inputBias)
            add("attention.value", a.kvHeads * a.headSize, c, bias: a.inputBias)
            add("attention.output", c, a.heads * a.headSize, bias: a.outputBias)
            if a.queryKeyNorm {
                addNorm("attention.queryNorm", a.headSize)
                addNorm("attention.keyNorm", a.headSize)
            }
            addNorm("feedForwardNorm", c)
            add("feedForward.gate", f, c, bias: layer.feedForward.bias)
            add("feedForward.up", f, c, bias: layer.feedForward.bias)
            add("feedForward.down", c, f, bias: layer.feedForward.bias)
        }
        return list
    }

    /// Every parameter is there with its shape and a type that can be computed with, and nothing else is there.
    private func checkTensors() throws(InputError) {
        var expected: Set<String> = []
        for (canonical, shape) in parameters {
            let entry = try entry(canonical)
            expected.insert(entry.name)
            guard entry.shape == shape else {
                throw InputError(checkpoint.path, at: "tensor \(entry.name)", "the shape is \(entry.shape), but the model's is \(shape)")
            }
            guard entry.dtype.isQuantized || [.f32, .f16, .bf16].contains(entry.dtype) else {
                throw InputError(checkpoint.path, at: "tensor \(entry.name)", "weights of type \(entry.dtype) cannot be computed with")
            }
        }
        let ignored = ["rope_freqs.weight", "rotary_emb.inv_freq"]
        for entry in checkpoint.entries where !expected.contains(entry.name) {
            if ignored.contains(where: entry.name.hasSuffix) { continue }
            if description.tiedHead, entry.name == ParameterNames.name("head.weight", in: scheme) { continue }
            throw InputError(
                checkpoint.path, at: "tensor \(entry.name)", "the model's description has no place for it",
                remedy: "the config may be of another model, or this variant is not supported")
        }
    }
}
