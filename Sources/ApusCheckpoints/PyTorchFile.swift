import ApusBase
import ApusTensor

/// One zip file of `torch.save`: `NAME/data.pkl` says which tensors there are, `NAME/data/KEY` hold their storages.
struct PyTorchFile {
    let file: FileReader
    private(set) var entries: [TensorEntry] = []
    private(set) var strides: [String: [Int]] = [:]

    /// - Parameter index: the file's number among those of the checkpoint.
    init(path: String, index: Int) throws(InputError) {
        file = try FileReader(path: path)
        let archive = try ZipArchive(file)
        let folder = try Self.folder(archive)
        let pickle = try archive.contents(archive.entries[folder + "data.pkl"]!, limit: CheckpointLimits.pickleByteCount)
        var reader = PickleReader(pickle, path: path)
        let pairs = try reader.read()
        var places: [ZipArchive.Entry] = []
        for storage in reader.storages { places.append(try Self.place(storage, archive, folder)) }
        for (key, value) in pairs {
            guard case .string(let name) = key, !name.isEmpty, name.utf8.count <= CheckpointLimits.nameByteCount else {
                throw InputError(path, at: "data.pkl", "the dictionary's keys must be names of 1 to \(CheckpointLimits.nameByteCount) bytes")
            }
            guard case .tensor(let number) = value else {
                throw InputError(path, at: "tensor \(name)", "is \(value.kind), no tensor", remedy: "save the model's state_dict() alone")
            }
            let tensor = reader.tensors[number], dtype = reader.storages[tensor.storage].dtype
            guard let byteCount = checkedByteCount(tensor.shape, dtype) else { throw InputError(path, at: "tensor \(name)", "is beyond all sizes") }
            entries.append(
                TensorEntry(
                    name: name, dtype: dtype, shape: tensor.shape, byteCount: byteCount, file: index,
                    offset: places[tensor.storage].offset + tensor.offset * dtype.blockByteCount))
            if !Self.isContiguous(tensor) { strides[name] = tensor.strides }
        }
    }

    /// The folder in the archive that holds all, with its slash.
    private static func folder(_ archive: ZipArchive) throws(InputError) -> String {
        let path = archive.file.path
        let folders = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.split(separator: "/").count == 2 }
        guard folders.count == 1 else {
            throw InputError(path, "is a zip file without data.pkl in a folder, so torch.save did not write it", remedy: "give a file of torch.save")
        }
        let folder = String(folders[0].dropLast("data.pkl".count))
        guard archive.entries[folder + "constants.pkl"] == nil else {
            throw InputError(path, "is a program of TorchScript, not a state dict", remedy: "save the model's state_dict() with torch.save")
        }
        if let entry = archive.entries[folder + "byteorder"] {
            let order = String(decoding: try archive.contents(entry, limit: 16), as: UTF8.self)
            guard order == "little" else {
                throw InputError(path, at: "entry \(entry.name)", "the byte order is \"\(order)\"; only \"little\" is read", remedy: "convert the file")
            }
        }
        return folder
    }

    private static func place(_ storage: PickledStorage, _ archive: ZipArchive, _ folder: String) throws(InputError) -> ZipArchive.Entry {
        let name = folder + "data/" + storage.key, byteCount = storage.dtype.byteCount(elements: storage.elementCount)!
        guard let entry = archive.entries[name] else {
            throw InputError(archive.file.path, at: "entry \(name.prefix(80))", "is missing, but the pickle has tensors in it")
        }
        guard entry.byteCount == byteCount else {
            throw InputError(
                archive.file.path, at: "entry \(name.prefix(80))",
                "has \(entry.byteCount) bytes, but the pickle says \(storage.elementCount) of \(storage.dtype)")
        }
        return entry
    }

    private static func isContiguous(_ tensor: PickledTensor) -> Bool {
        var expected = 1
        for (size, stride) in zip(tensor.shape, tensor.strides).reversed() {
            guard size <= 1 || stride == expected else { return tensor.shape.contains(0) }
            expected *= size
        }
        return true
    }
}
