import ApusBase
import Glibc
import Testing

/// The sources against `docs/architecture.md`: its table of layers is the one place that says what may import what.
@Suite struct LayerTests {
    private static let root = parentFolder(parentFolder(parentFolder(#filePath)))

    /// A row of the table: a target and the modules that its line names.
    private struct Layer { let name: String, imports: [String] }

    private static func text(_ path: String) throws -> String { String(decoding: try FileReader.contents(of: path), as: UTF8.self) }

    private static func layers() throws -> [Layer] {
        let lines = try text(root + "/docs/architecture.md").split(separator: "\n")
        return lines.compactMap { line in
            let cells = line.split(separator: "|").map { trimmed($0) }
            guard cells.count == 3, cells[0].hasPrefix("`"), cells[0].hasSuffix("`") else { return nil }
            let imports = cells[2].split(separator: ",").map { trimmed($0) }.filter { $0 != "–" }
            return Layer(name: String(cells[0].dropFirst().dropLast()), imports: imports)
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// Every file below a folder whose name ends so.
    private static func files(below folder: String, ending suffixes: [String]) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var found: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            guard !name.hasPrefix(".") else { continue }
            let path = folder + "/" + name
            if Int32(entry.pointee.d_type) == Int32(DT_DIR) {
                found += files(below: path, ending: suffixes)
            } else if suffixes.contains(where: { name.hasSuffix($0) }) {
                found.append(path)
            }
        }
        return found.sorted()
    }

    private static func imports(of source: String) -> [String] {
        source.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), words[..<at].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "package" })
            else { return nil }
            return words.last.map { String($0.prefix { $0 != "." }) }
        }
    }

    @Test func targetsImportWhatTheTableAllows() throws {
        let layers = try Self.layers()
        let named = Dictionary(uniqueKeysWithValues: layers.map { ($0.name, $0.imports) })
        func reachable(_ name: String) -> Set<String> {
            (named[name] ?? []).reduce(into: [name]) { $0.formUnion(reachable($1)) }
        }
        #expect(layers.count >= 12, "the table of docs/architecture.md was not found")
        let paths = Self.files(below: Self.root + "/Sources", ending: [".swift"])
        #expect(paths.count > 100)
        for path in paths {
            let target = String(path.dropFirst((Self.root + "/Sources/").count).prefix { $0 != "/" })
            try #require(named[target] != nil, "\(target) has no row in docs/architecture.md")
            let allowed = reachable(target)
            for module in Self.imports(of: try Self.text(path)) where !["Glibc", "Swift"].contains(module) {
                #expect(allowed.contains(module), "\(path) imports \(module), which the row of \(target) in docs/architecture.md does not allow")
            }
        }
    }

    @Test func filesKeepTheirSize() throws {
        let limits = [("/Sources", [".swift"], 500), ("/Sources", [".c", ".h"], 600), ("/Tests", [".swift", ".c"], 800)]
        for (folder, suffixes, limit) in limits {
            for path in Self.files(below: Self.root + folder, ending: suffixes) {
                let lines = try FileReader.contents(of: path).count { $0 == 10 }
                #expect(lines <= limit, "\(path) has \(lines) lines; the limit is \(limit)")
            }
        }
    }

    @Test func onlyTheCommandReadsTheEnvironment() throws {
        for path in Self.files(below: Self.root + "/Sources", ending: [".swift", ".c", ".h"]) where !path.contains("/Sources/apus/") {
            #expect(!(try Self.text(path)).contains("getenv"), "\(path) reads an environment variable; only Sources/apus may")
        }
    }
}
