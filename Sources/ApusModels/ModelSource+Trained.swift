import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusLayers
import ApusTensor

extension ModelSource {
    /// A trained model as a source: its weights are read from memory, its configuration and tokenizer are those of the files it was made
    /// from, if there are such.
    /// - Parameter tokenizer: without such files, where its tokenizer is: a `.gguf` file or a folder.
    /// - Throws: an `InputError` when the file with the tokenizer cannot be read, and for a model that no family's files can hold.
    package init(_ model: TrainedModel, from origin: ModelSource?, tokenizer: String? = nil) throws(InputError) {
        let description = model.decoder.description.ofFiles, family = try Families.writing(description)
        let words = try origin == nil && tokenizer?.hasSuffix(".gguf") == true ? ModelSource(path: tokenizer!) : origin
        path = words?.path ?? tokenizer ?? "the trained model"
        self.description = description
        checkpoint = ParameterCheckpoint(model.parameters)
        places = Dictionary(
            uniqueKeysWithValues: description.parameters.map { parameter in
                let increment = model.increments[parameter.name] ?? 0
                return (
                    parameter.name,
                    ParameterPlace(tensor: parameter.name, rows: RowMap(count: parameter.shape[0]), isTransposed: false, offset: increment)
                )
            })
        carried = []
        notes = []
        gguf = words?.gguf
        let old = origin.map { $0.folderPlaces ?? $0.places }, isWhole = old.map { old in description.parameters.allSatisfy { old[$0.name] != nil } }
        folderPlaces = isWhole == true ? old : family.layout(of: description).places(of: description)
        hasConfiguration = origin?.hasConfiguration ?? false
    }
}

/// The weights of a parameter store, under their canonical names.
final class ParameterCheckpoint: Checkpoint, @unchecked Sendable {
    let path = "the trained model"
    let entries: [TensorEntry]
    private let parameters: ParameterStore
    private let byName: [String: TensorEntry]

    init(_ parameters: ParameterStore) {
        self.parameters = parameters
        entries = parameters.entries.map { TensorEntry(name: $0.name, dtype: .f32, shape: $0.shape, byteCount: $0.count * 4, offset: $0.offset * 4) }
        byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
    }

    func entry(_ name: String) -> TensorEntry? { byName[name] }
    func path(of entry: TensorEntry) -> String { path }

    func read(_ entry: TensorEntry, from byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer) {
        let bytes = UnsafeRawBufferPointer(parameters[entry.name].bytes)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[byteOffset..<byteOffset + buffer.count]))
    }
}
