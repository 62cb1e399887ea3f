import ApusBase
import ApusModels
import Glibc

/// What the directory holds besides checkpoints.
extension CheckpointStore {
    private static let replaced = ".replaced", partial = ".partial"

    /// Where the finished model is to be.
    var modelPath: String { directory + "/model" }

    /// Whether a run has taken steps here: a model beside them is then its own.
    private var holdsRun: Bool {
        var metrics = stat()
        return !steps.isEmpty || stat(directory + "/metrics.jsonl", &metrics) == 0 && metrics.st_size > 0
    }

    /// - Parameter source: the path of the model that the run starts from, if there is one.
    /// - Throws: an `InputError` when the finished model would take the place of that one, or of what no run has written.
    func checkPlaceOfModel(madeFrom source: String?) throws(InputError) {
        var place = stat(), origin = stat()
        guard lstat(modelPath, &place) == 0 else { return }
        if let source, stat(isFolder(source) ? source : parentFolder(source), &origin) == 0,
            (origin.st_dev, origin.st_ino) == (place.st_dev, place.st_ino)
        {
            throw InputError(
                "model.from", "\(source) lies where the finished model is to be written, \(modelPath)", remedy: "give another checkpoint.directory")
        }
        guard place.st_mode & S_IFMT == S_IFDIR, holdsRun || fileNames(inFolder: modelPath).isEmpty else {
            throw InputError(
                modelPath, "was not written by a run in this folder, and the finished model would take its place",
                remedy: "move it away, or give another checkpoint.directory")
        }
    }

    /// Sees to what a run that was killed has left: no other has the directory, so that none of it is in use.
    func clean() {
        let holdsRun = holdsRun
        for name in fileNames(inFolder: directory) {
            let path = directory + "/" + name
            if name.hasSuffix(Self.replaced), name.hasPrefix(Self.prefix) || holdsRun && path == modelPath + Self.replaced {
                // Killed between taking the old one away and putting the new one in its place.
                let original = String(path.dropLast(Self.replaced.count))
                if fileExists(original) || rename(path, original) != 0 { remove(path) }
            } else if Self.isPartial(name, ofModel: holdsRun) {
                remove(path)
            }
        }
    }

    /// Removes a file or a folder, with the folders that a model of ours may have in it.
    private func remove(_ path: String) {
        unlink(path)
        for folder in ModelSource.poolingFolders.map({ path + "/" + $0 }) + [path] { removeFolder(folder) }
    }

    /// Whether a name is that of what a run was writing or removing: `step-00000200.PROCESS.partial`, `tokens-PROCESS-0-0.partial.bin`,
    /// `metrics.jsonl.PROCESS.partial` and the like. Other commands' files are not: `model.gguf.PROCESS.partial`.
    private static func isPartial(_ name: String, ofModel: Bool) -> Bool {
        if name.hasPrefix("tokens-") { return name.contains(partial) && Int(name.dropFirst("tokens-".count).prefix { $0 != "-" }) != nil }
        guard name.hasSuffix(partial) else { return false }
        let stem = name.dropLast(partial.count), dot = stem.lastIndex(of: ".") ?? stem.endIndex
        let isNumbered = Int(stem[dot...].dropFirst()) != nil
        return name.hasPrefix(prefix) || isNumbered && (["metrics.jsonl", "report.html"] + (ofModel ? ["model"] : [])).contains(String(stem[..<dot]))
    }
}
