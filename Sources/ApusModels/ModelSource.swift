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
    /// Where each parameter lies, under its canonical name.
    let places: [String: ParameterPlace]
    /// Tensors that nothing here is computed with and that conversion hands on.
    let carried: [TensorEntry]
    /// What was in the files and changes nothing, for a line on standard error each.
    public internal(set) var notes: [String]
    /// The file's metadata when it is a GGUF file.
    package let gguf: GGUFMetadata?
    /// Where parameters lie in a folder in Hugging Face layout made of it; nil: where they lie here.
    let folderPlaces: [String: ParameterPlace]?
    /// Whether `path` has a config.json to go by.
    let hasConfiguration: Bool

    /// A `.gguf` file, or a folder in Hugging Face layout or Meta's.
    public init(path: String) throws(InputError) {
        if path.hasSuffix(".gguf") {
            self = try GGUFSource.open(path)
        } else if !fileExists(path + "/config.json"), MetaSource.isFound(in: path) {
            self = try MetaSource.open(path)
        } else {
            self = try HuggingFaceSource.open(path)
        }
    }

    /// - Throws: an `InputError` unless every parameter is there with its shape and a type that can be computed with, and nothing else.
    init(
        path: String, description: DecoderDescription, checkpoint: any Checkpoint, layout: CheckpointLayout, notes: [String] = [],
        gguf: GGUFMetadata? = nil
    ) throws(InputError) {
        var description = description, places = Self.places(of: description, layout, in: checkpoint)
        if description.head?.tied == true, try Self.hasOwnHead(layout, embedding: places["embedding.weight"]!, in: checkpoint) {
            description.head!.tied = false
            places = Self.places(of: description, layout, in: checkpoint)
        }
        self.path = path
        self.description = description
        self.places = places
        self.checkpoint = checkpoint
        self.gguf = gguf
        folderPlaces = gguf.map { _ in Families.named(description.architecture)!.layout(of: description).places(of: description) }
        hasConfiguration = gguf == nil
        carried = checkpoint.entries.filter { layout.carries($0.name) }
        self.notes = notes
        self.notes += try checkTensors(layout)
        let heads = carried.map(\.name).filter(layout.isOfOtherHead)
        if let first = heads.first {
            self.notes.append("\(checkpoint.path): the tensors of another head, \(first)\(heads.count > 1 ? " and \(heads.count - 1) more" : ""), are not used")
        }
    }

    /// Where the parameters lie under the names that these files have.
    private static func places(
        of description: DecoderDescription, _ layout: CheckpointLayout, in checkpoint: any Checkpoint
    ) -> [String: ParameterPlace] {
        var places = layout.places(of: description)
        let prefix = layout.optionalPrefix
        if !prefix.isEmpty, checkpoint.entry(places["embedding.weight"]!.tensor) == nil {
            places = places.mapValues { $0.tensor.hasPrefix(prefix) ? $0.renamed(String($0.tensor.dropFirst(prefix.count))) : $0 }
        }
        return places.mapValues { place in
            guard checkpoint.entry(place.tensor) == nil, let older = layout.olderName(of: place.tensor), checkpoint.entry(older) != nil else { return place }
            return place.renamed(older)
        }
    }

    /// Whether a head lies beside the embedding and differs from it: then it is the model's, whatever the configuration says.
    private static func hasOwnHead(
        _ layout: CheckpointLayout, embedding: ParameterPlace, in checkpoint: any Checkpoint
    ) throws(InputError) -> Bool {
        guard let head = headTensor(layout).flatMap(checkpoint.entry), let embedding = checkpoint.entry(embedding.tensor) else { return false }
        return try !checkpoint.holds(head, as: embedding, in: checkpoint)
    }

    private static func headTensor(_ layout: CheckpointLayout) -> String? {
        layout.outer.first { $0.module == "head" }.map { $0.file + ".weight" }
    }

    /// The tensor that holds a canonical parameter.
    func entry(_ canonical: String) throws(InputError) -> TensorEntry {
        let name = places[canonical]!.tensor
        guard let entry = checkpoint.entry(name) else {
            throw InputError(checkpoint.path, "the tensor \(name) is missing", remedy: "the checkpoint is incomplete; fetch or convert it again")
        }
        return entry
    }

    /// Returns what is there beyond the parameters and holds no weights.
    private func checkTensors(_ layout: CheckpointLayout) throws(InputError) -> [String] {
        var expected: Set<String> = []
        for parameter in description.parameters {
            let entry = try entry(parameter.name), shape = places[parameter.name]!.tensorShape(of: parameter.shape)
            expected.insert(entry.name)
            guard entry.shape == shape else {
                throw InputError(checkpoint.path, at: "tensor \(entry.name)", "the shape is \(entry.shape), but the model's is \(shape)")
            }
            guard entry.dtype.isQuantized || [.f32, .f16, .bf16].contains(entry.dtype) else {
                throw InputError(checkpoint.path, at: "tensor \(entry.name)", "weights of type \(entry.dtype) cannot be computed with")
            }
            guard !(entry.dtype.isQuantized && places[parameter.name]!.isTransposed) else {
                throw InputError(checkpoint.path, at: "tensor \(entry.name)", "transposed weights cannot be of type \(entry.dtype)")
            }
        }
        let head = Self.headTensor(layout)
        var notes: [String] = []
        for entry in checkpoint.entries where !expected.contains(entry.name) {
            if layout.ignored.contains(where: entry.name.hasSuffix) || layout.carries(entry.name) { continue }
            if description.head?.tied == true, entry.name == head { continue }
            if layout.copies.contains(entry.name) {
                try checkCopy(entry)
                continue
            }
            if [.i64, .i32, .u8].contains(entry.dtype) {
                notes.append("\(checkpoint.path(of: entry)): the tensor \(entry.name) of \(entry.dtype) holds no weights and was ignored")
                continue
            }
            throw InputError(
                checkpoint.path, at: "tensor \(entry.name)", "the model's description has no place for it",
                remedy: "the config may be of another model, or this variant is not supported")
        }
        return notes
    }

    /// - Throws: an `InputError` unless a tensor has the bytes of the embedding.
    private func checkCopy(_ copy: TensorEntry) throws(InputError) {
        let embedding = try entry("embedding.weight")
        guard try checkpoint.holds(copy, as: embedding, in: checkpoint) else {
            throw InputError(
                checkpoint.path(of: copy), at: "tensor \(copy.name)", "differs from \(embedding.name)", remedy: "a model of two embeddings is not supported")
        }
    }
}
