import ApusBase

/// The tensors of one file, or of several that an index joins, by name.
struct ShardedTensors: Sendable {
    let entries: [TensorEntry]
    private let files: [FileReader]
    private let byName: [String: Int]

    /// - Parameter read: opens a shard, and gives its tensors, which name the file by the index.
    init(_ index: ShardIndex, _ read: (_ path: String, _ index: Int) throws(InputError) -> (file: FileReader, entries: [TensorEntry])) throws(InputError) {
        var files: [FileReader] = [], entries: [TensorEntry] = []
        for (number, path) in index.paths.enumerated() {
            let shard = try read(path, number)
            files.append(shard.file)
            entries += shard.entries
        }
        byName = try index.check(entries, files)
        self.files = files
        self.entries = entries
    }

    func entry(_ name: String) -> TensorEntry? { byName[name].map { entries[$0] } }

    /// The file that holds a tensor.
    func file(of entry: TensorEntry) -> FileReader { files[entry.file] }
}
