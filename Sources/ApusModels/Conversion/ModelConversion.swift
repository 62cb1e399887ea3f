import ApusBase
import ApusCheckpoints
import ApusDescription
import ApusTensor

/// A model on its way into a file or folder of another type or layout. All that can be wrong with the request shows when it is made.
public struct ModelConversion {
    /// For a line on standard error each: types that stand in for the one asked for, and what the new files lack.
    public private(set) var notes: [String] = []
    private let source: ModelSource
    private let destination: String
    private let type: DType
    private let transfers: [TensorTransfer]
    /// What a GGUF file says of the model, or a folder's configuration.
    private let header: Header

    private enum Header {
        case gguf(GGUFMetadata)
        case folder(JSONObject)
    }

    private var isGGUF: Bool { if case .gguf = header { true } else { false } }

    /// What was written.
    public struct Summary: Sendable {
        /// How many.
        public var tensors: Int
        /// Of all files.
        public var bytes: Int
    }

    /// Plans a conversion; nothing is written yet.
    /// - Parameters:
    ///   - source: the model as it is.
    ///   - destination: a `.gguf` file, or the name of a folder in Hugging Face layout, which must be new or empty
    ///     unless it is replaced.
    ///   - type: of the matrices; a folder holds f32, f16 or bf16.
    public init(_ source: ModelSource, to destination: String, type: DType) throws(InputError) {
        self.source = source
        self.destination = destination
        self.type = type
        let isGGUF = destination.hasSuffix(".gguf")
        guard isGGUF || [.f32, .f16, .bf16].contains(type) else {
            throw InputError(
                destination, "a folder in Hugging Face layout cannot hold \(type)", remedy: "use --type f32, f16 or bf16, or a name that ends in .gguf")
        }
        transfers = try isGGUF ? Self.ggufTransfers(source, type) : Self.folderTransfers(source, type)
        header = try isGGUF ? .gguf(Self.metadata(of: source, transfers)) : .folder(Self.configuration(of: source, type, transfers))
        if isGGUF { notes = try leftOut + TargetType.notes(transfers, wanted: type) }
    }

    /// Converts and writes. Nothing is left at the destination, or what was there before stays, unless all went well.
    /// - Parameters:
    ///   - backend: whose threads do the work.
    ///   - replacing: a folder that is at the destination gives way to the new one, its files with it.
    ///   - progress: called with bytes read and bytes in all; what it throws ends the work.
    public mutating func run(
        on backend: CPUBackend, replacing: Bool = false, progress: (Int, Int) throws -> Void = { _, _ in }
    ) throws -> Summary {
        let config: JSONObject
        switch header {
        case .folder(let object): config = object
        case .gguf(var metadata):
            if source.gguf == nil { notes += try TokenizerExport.addTables(of: source, to: &metadata) }
            metadata.set("general.file_type", .integer(TargetType.ggufFileType(type)))
            if type.isQuantized { metadata.set("general.quantization_version", .integer(2)) }
            let writer = try GGUFWriter(path: destination, metadata: metadata, tensors: transfers.map(\.plan))
            try write(to: writer, on: backend, progress: progress)
            return Summary(tensors: transfers.count, bytes: writer.byteCount)
        }
        let folder = try AtomicFolder(path: destination, replacing: replacing)
        let recipe = source.gguf == nil ? nil : try source.embeddingRecipe()
        var bytes = try folder.write("config.json", JSON.object(config).serialized(pretty: true) + "\n")
        let exported = try TokenizerExport.write(source, to: folder)
        notes += exported.notes
        bytes += exported.byteCount
        if let recipe { bytes += try recipe.write(to: folder, width: source.description.width) }
        let writer = try SafetensorsWriter(path: folder.temporaryPath, tensors: transfers.map(\.plan), metadata: [("format", "pt")])
        try write(to: writer, on: backend, progress: progress)
        try folder.commit()
        return Summary(tensors: transfers.count, bytes: bytes + writer.byteCount)
    }

    private func write(to writer: any CheckpointWriter, on backend: CPUBackend, progress: (Int, Int) throws -> Void) throws {
        let byName = Dictionary(uniqueKeysWithValues: transfers.map { ($0.plan.name, $0) })
        let total = transfers.reduce(0) { $0 + $1.plan.byteCount }
        var done = 0
        for plan in writer.tensors {
            try progress(done, total)
            try byName[plan.name]!.write(from: source.checkpoint, to: writer, on: backend)
            done += plan.byteCount
        }
        try progress(done, total)
        try writer.finish()
    }

    // MARK: Tensors

    /// - Throws: an `InputError` when llama.cpp has no architecture for the model.
    static func ggufFamily(of source: ModelSource) throws(InputError) -> any GGUFFamily.Type {
        guard let family = Families.named(source.description.architecture) as? any GGUFFamily.Type else {
            throw InputError(source.path, "GGUF files cannot hold \(source.description.architecture) models", remedy: "convert to a folder")
        }
        return family
    }

    private static func ggufTransfers(_ source: ModelSource, _ type: DType) throws(InputError) -> [TensorTransfer] {
        if source.gguf != nil {
            var transfers: [TensorTransfer] = []
            for entry in source.checkpoint.entries {
                transfers.append(try transfer(whole: entry, TargetType.of(entry.name, shape: entry.shape, wanted: type), in: source))
            }
            return transfers
        }
        let family = try ggufFamily(of: source), description = family.ggufDescription(of: source.description)
        let places = family.ggufLayout(of: description).places(of: description)
        var transfers = try transfers(source, description, places) { TargetType.of($0, shape: $1, wanted: type) }
        if let divisors = rotaryDivisors(of: source) {
            transfers.append(
                TensorTransfer(plan: TensorPlan("rope_freqs.weight", .f32, shape: [divisors.count])!, content: .values(divisors)))
        }
        return transfers
    }

    /// A note on what of a folder's tensors has no place in a GGUF file.
    private var leftOut: [String] {
        get throws(InputError) {
            guard source.gguf == nil else { return [] }
            let kept = try Set(Self.ggufFamily(of: source).ggufDescription(of: source.description).parameters.map(\.name))
            let names = source.description.parameters.filter { !kept.contains($0.name) }.map { source.places[$0.name]!.tensor } + source.carried.map(\.name)
            guard let first = names.first else { return [] }
            return ["\(source.path): left out, as GGUF files have no place for it: \(first)\(names.count > 1 ? " and \(names.count - 1) more" : "")"]
        }
    }

    private static func folderTransfers(_ source: ModelSource, _ type: DType) throws(InputError) -> [TensorTransfer] {
        // A folder's tensors keep their names, with or without the prefix that files of bare models leave out.
        var transfers = try transfers(source, source.description, source.folderPlaces ?? source.places) { _, _ in type }
        for entry in source.carried { transfers.append(try transfer(whole: entry, type, in: source)) }
        return transfers
    }

    /// A tensor as it lies in the source, in another type.
    private static func transfer(whole entry: TensorEntry, _ type: DType, in source: ModelSource) throws(InputError) -> TensorTransfer {
        let isVector = entry.shape.count < 2
        let rows = RowMap(count: isVector ? entry.elementCount : entry.shape.dropLast().reduce(1, *))
        let place = ParameterPlace(tensor: entry.name, rows: rows, isTransposed: false, offset: 0)
        let part = TensorTransfer.Part(entry: entry, from: place, to: place, columns: isVector ? 1 : entry.shape.last!)
        return try transfer(entry.name, entry.shape, [part], type, in: source)
    }

    /// Every tensor of a layout, by where parameters lie in it, made of the parameters that it holds.
    private static func transfers(
        _ source: ModelSource, _ description: DecoderDescription, _ places: [String: ParameterPlace], type: (String, [Int]) -> DType
    ) throws(InputError) -> [TensorTransfer] {
        var names: [String] = []
        var parts: [String: [TensorTransfer.Part]] = [:], shapes: [String: [Int]] = [:]
        for parameter in description.parameters {
            let place = places[parameter.name]!
            if parts[place.tensor] == nil { names.append(place.tensor) }
            shapes[place.tensor] = place.tensorShape(of: parameter.shape)
            parts[place.tensor, default: []].append(
                TensorTransfer.Part(
                    entry: try source.entry(parameter.name), from: source.places[parameter.name]!.last(parameter.shape[0]), to: place,
                    columns: parameter.shape.count < 2 ? 1 : parameter.shape[1]))
        }
        var transfers: [TensorTransfer] = []
        for name in names { transfers.append(try transfer(name, shapes[name]!, parts[name]!, type(name, shapes[name]!), in: source)) }
        return transfers
    }

    private static func transfer(
        _ name: String, _ shape: [Int], _ parts: [TensorTransfer.Part], _ type: DType, in source: ModelSource
    ) throws(InputError) -> TensorTransfer {
        if let part = parts.first(where: { !BlockCodec.supports($0.entry.dtype) }) {
            throw InputError(
                source.checkpoint.path(of: part.entry), at: "tensor \(part.entry.name)", "\(part.entry.dtype) cannot be converted to \(type)")
        }
        guard let plan = TensorPlan(name, type, shape: shape) else {
            throw InputError(source.path, at: "tensor \(name)", "\(shape) cannot be converted to \(type)")
        }
        return TensorTransfer(plan: plan, content: .parts(parts))
    }
}
