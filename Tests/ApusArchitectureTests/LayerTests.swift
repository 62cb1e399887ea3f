import ApusBase
import Testing

/// The sources against `docs/architecture.md`: its table of layers is the one place that says what may import what.
@Suite struct LayerTests {
    private static let sources = SourceTree.root + "/Sources"

    @Test func targetsImportWhatTheTableAllows() throws {
        let table = LayerTable(try SourceTree.text(SourceTree.root + "/docs/architecture.md"))
        #expect(table.imports.count >= 12, "the table of docs/architecture.md was not found")
        let paths = SourceTree.files(below: Self.sources, ending: [".swift"])
        #expect(paths.count > 100)
        for path in paths {
            let target = String(path.dropFirst(Self.sources.count + 1).prefix { $0 != "/" })
            try #require(table.imports[target] != nil, "\(target) has no row in docs/architecture.md")
            let allowed = table.reachable(from: target)
            for module in SwiftFile(try SourceTree.text(path)).imports where !["Glibc", "Swift"].contains(module) {
                #expect(allowed.contains(module), "\(path) imports \(module), which the row of \(target) in docs/architecture.md does not allow")
            }
        }
    }

    @Test func importsAreFoundHoweverTheyAreWritten() {
        let source = """
            import A
            public import B
            internal import C  // why
            private import D.Part
            fileprivate import struct E.Part /* why */
            @testable @preconcurrency import F
            @_spi(Name) package import class G.Part
            #if os(Linux)
            import H; import I
            #endif
            // import No
            let text = "import No"
            func f() { _ = \"""
                import No
                \""" }
            """
        #expect(SwiftFile(source).imports == ["A", "B", "C", "D", "E", "F", "G", "H", "I"])
    }

    @Test func aTableThatGoesInCirclesIsRead() {
        let table = LayerTable(
            """
            | target | job | may import |
            |---|---|---|
            | `A` | one | B, X |
            | `B` | two | C |
            | `C` | three | A |
            | `D` | four | – |
            """)
        #expect(table.reachable(from: "A") == ["A", "B", "C", "X"])
        #expect(table.reachable(from: "C") == ["A", "B", "C", "X"])
        #expect(table.reachable(from: "D") == ["D"])
    }

    @Test func filesKeepTheirSize() throws {
        let limits = [("/Sources", [".swift"], 500), ("/Sources", [".c", ".h"], 600), ("/Tests", [".swift", ".c"], 800)]
        for (folder, suffixes, limit) in limits {
            for path in SourceTree.files(below: SourceTree.root + folder, ending: suffixes) {
                let lines = try FileReader.contents(of: path).count { $0 == 10 }
                #expect(lines <= limit, "\(path) has \(lines) lines; the limit is \(limit)")
            }
        }
    }

    @Test func onlyTheCommandReadsTheEnvironment() throws {
        for path in SourceTree.files(below: Self.sources, ending: [".swift", ".c", ".h"]) where !path.contains("/Sources/apus/") {
            #expect(!(try SourceTree.text(path)).contains("getenv"), "\(path) reads an environment variable; only Sources/apus may")
        }
    }
}
