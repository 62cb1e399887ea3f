import ApusBase

/// The project's files, found from where this one lies.
enum SourceTree {
    static let root = parentFolder(parentFolder(parentFolder(#filePath)))

    static func text(_ path: String) throws -> String { String(decoding: try FileReader.contents(of: path), as: UTF8.self) }

    /// Every file below a folder whose name ends so, sorted.
    static func files(below folder: String, ending suffixes: [String]) -> [String] {
        var found: [String] = []
        for name in fileNames(inFolder: folder) where !name.hasPrefix(".") {
            let path = folder + "/" + name
            if isFolder(path) {
                found += files(below: path, ending: suffixes)
            } else if suffixes.contains(where: { name.hasSuffix($0) }) {
                found.append(path)
            }
        }
        return found.sorted()
    }
}
