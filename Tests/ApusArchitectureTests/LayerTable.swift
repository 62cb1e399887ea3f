/// The table of layers: which target may import what.
struct LayerTable {
    /// The modules that each target's row names.
    let imports: [String: [String]]

    /// Reads the rows `| target | job | modules |` of a text.
    init(_ text: String) {
        let rows = text.split(separator: "\n").compactMap { line -> (String, [String])? in
            let cells = line.split(separator: "|").map(Self.trimmed)
            guard cells.count == 3, cells[0].hasPrefix("`"), cells[0].hasSuffix("`") else { return nil }
            let modules = cells[2].split(separator: ",").map(Self.trimmed).filter { $0 != "–" }
            return (String(cells[0].dropFirst().dropLast()), modules)
        }
        imports = Dictionary(rows) { $0 + $1 }
    }

    /// The target itself, what its row names, and all that those may import.
    func reachable(from target: String) -> Set<String> {
        var reached: Set<String> = [target], open = [target]
        while let next = open.popLast() {
            for module in imports[next] ?? [] where reached.insert(module).inserted { open.append(module) }
        }
        return reached
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
