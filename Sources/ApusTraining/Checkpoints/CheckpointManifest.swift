import ApusBase

/// What a checkpoint's folder must hold to be valid: `manifest.json` names each file with its length and checksum, and the marker, which is
/// written last of all, holds the checksum of the manifest.
struct CheckpointManifest {
    static let name = "manifest.json"
    static let marker = "COMPLETE"
    static let version = 1

    struct File {
        let name: String
        let byteCount: Int
        /// CRC-32C, eight hexadecimal digits.
        let checksum: String

        fileprivate func verify(in folder: String) throws(InputError) {
            let file = try FileReader(path: folder + "/" + name)
            guard file.byteCount == byteCount else {
                throw InputError(file.path, "has \(file.byteCount) bytes, where the manifest says \(byteCount)")
            }
            var found = CRC32C()
            var failure: InputError?
            withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 64) { buffer in
                do throws(InputError) {
                    for offset in stride(from: 0, to: byteCount, by: buffer.count) {
                        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, byteCount - offset)])
                        try file.read(at: offset, into: part)
                        found.update(UnsafeRawBufferPointer(part))
                    }
                } catch { failure = error }
            }
            if let failure { throw failure }
            guard found.text == checksum else { throw InputError(file.path, "has the checksum \(found.text), where the manifest says \(checksum)") }
        }
    }

    let step: Int
    let files: [File]

    // MARK: Writing

    /// Writes the manifest and then the marker.
    func write(to folder: AtomicFolder) throws(InputError) {
        let list = files.map { JSON.object(["name": .string($0.name), "bytes": .integer($0.byteCount), "crc32c": .string($0.checksum)]) }
        let object: JSONObject = [
            "format": .string("apus training checkpoint"), "version": .integer(Self.version), "step": .integer(step), "files": .array(list),
        ]
        let text = JSON.object(object).serialized(pretty: true) + "\n"
        _ = try folder.write(Self.name, text)
        _ = try folder.write(Self.marker, CRC32C.checksum(Array(text.utf8)).text + "\n")
    }

    // MARK: Reading

    /// Reads every byte of a checkpoint and holds it against the manifest.
    /// - Throws: an `InputError` that says what makes the checkpoint invalid.
    static func verified(_ folder: String, step: Int) throws(InputError) -> CheckpointManifest {
        let marker = folder + "/" + marker, path = folder + "/" + name
        guard fileExists(marker) else { throw InputError(folder, "is not complete: \(Self.marker) is missing") }
        let bytes = try FileReader.contents(of: path, limit: 64 << 20)
        guard try FileReader.contents(of: marker, limit: 64) == Array((CRC32C.checksum(bytes).text + "\n").utf8) else {
            throw InputError(path, "has another checksum than \(Self.marker) says")
        }
        let manifest = try CheckpointManifest(JSON(parsing: bytes, subject: path), subject: path)
        guard manifest.step == step else { throw InputError(path, at: "step", "is \(manifest.step), where the folder's name says \(step)") }
        for file in manifest.files { try file.verify(in: folder) }
        return manifest
    }

    private init(_ json: JSON, subject: String) throws(InputError) {
        guard json["version"]?.int == Self.version else {
            throw InputError(subject, at: "version", "is another than \(Self.version)", remedy: "continue with the version of apus that wrote it")
        }
        step = json["step"]?.int ?? -1
        var files: [File] = []
        for entry in json["files"]?.array ?? [] {
            guard let name = entry["name"]?.string, let byteCount = entry["bytes"]?.int, let text = entry["crc32c"]?.string else {
                throw InputError(subject, at: "files", "each needs a name, bytes and crc32c")
            }
            files.append(File(name: name, byteCount: byteCount, checksum: text))
        }
        self.files = files
    }

    init(step: Int, files: [File]) {
        self.step = step
        self.files = files
    }
}

extension CRC32C {
    /// Eight hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
