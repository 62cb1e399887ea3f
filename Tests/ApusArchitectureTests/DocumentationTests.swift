import ApusBase
import Testing

/// Every public declaration has a `///` line: what the pages of `make docs` say of it.
@Suite struct DocumentationTests {
    @Test func publicDeclarationsAreDocumented() throws {
        var count = 0
        for path in SourceTree.files(below: SourceTree.root + "/Sources", ending: [".swift"]) {
            for declaration in SwiftFile(try SourceTree.text(path)).publicDeclarations {
                count += 1
                #expect(declaration.isDocumented, "\(path):\(declaration.line): \(declaration.name) is public and has no /// line")
            }
        }
        #expect(count > 100, "the public declarations were not found")
    }

    @Test func theOverviewShowsTheExample() throws {
        let example = try SourceTree.text(SourceTree.root + "/Examples/stream-text/main.swift")
        let overview = try SourceTree.text(SourceTree.root + "/docs/Apus.docc/Apus.md")
        #expect(overview.contains("```swift\n\(example)```\n"), "docs/Apus.docc/Apus.md shows another program than Examples/stream-text")
    }

    /// A source, and what in it is public: undocumented, if marked so.
    @Test(arguments: [
        ("public struct A {}", ["struct A: bare"]),
        ("/// Text.\npublic struct A {}", ["struct A"]),
        ("struct A { var x: Int }", []),
        ("package struct A { package init() {} }", []),
        // What does not count as a doc comment.
        ("// Text.\npublic func f() {}", ["func f: bare"]),
        ("///\npublic func f() {}", ["func f: bare"]),
        ("//// Text.\npublic func f() {}", ["func f: bare"]),
        ("@inlinable\n/// Text.\npublic func f() {}", ["func f: bare"]),
        ("/// Text.\nlet a = 1\npublic let b = 2", ["let b: bare"]),
        ("/// Of what is inside.\n#if DEBUG\npublic let b = 2\n#endif", ["let b: bare"]),
        ("let text = \"/// Text.\"\npublic let b = 2", ["let b: bare"]),
        // What does.
        ("/** Text. */ public let b = 2", ["let b"]),
        ("/// Text.\n\n// Why.\npublic let b = 2", ["let b"]),
        ("/// Text.\n@available(*, deprecated, message: \"no (more)\")\n@inlinable public func f() {}", ["func f"]),
        // Modifiers.
        ("public final class A {\n    public private(set) var x = 1\n    public static let y = 2\n}", ["class A: bare", "var x: bare", "let y: bare"]),
        ("private(set) public var x = 1", ["var x: bare"]),
        ("open class A {\n    open class func f() {}\n    public nonisolated(unsafe) static var y = 1\n}", ["class A: bare", "func f: bare", "var y: bare"]),
        ("public mutating func f() {}", ["func f: bare"]),
        // Declarations over several lines, and what follows them.
        ("/// Text.\npublic init(\n    a: Int = 1,\n    b: () -> Void = { }\n) throws(E) {\n    let c = 1\n}\npublic init() {}", ["init", "init: bare"]),
        ("/// Text.\npublic\n    static\n    func f<T>(_ t: T) -> [T]\nwhere T: Equatable { [t] }\npublic func g() {}", ["func f", "func g: bare"]),
        ("/// Text.\npublic let a: A =\n    .init(b: { public in 1 })\npublic let b = 2", ["let a", "let b: bare"]),
        ("/// Text.\npublic static func == (a: A, b: A) -> Bool { true }\npublic subscript(i: Int) -> Int { i }", ["func ==", "subscript: bare"]),
        ("public func `init`() {}", ["func `init`: bare"]),
        // Cases.
        (
            "/// Text.\npublic enum A: Int {\n    /// Text.\n    case a, b\n    case c = 1\n    var d: Int { switch self { case .a: 1 } }\n}",
            ["enum A", "case a", "case c: bare"]
        ),
        ("/// Text.\npublic indirect enum A { case a(A, b: Int), b; public var c: Int { 1 } }", ["enum A", "case a: bare", "var c: bare"]),
        ("enum A { case a }", []),
        ("/// Text.\npublic struct A {\n    enum B { case a }\n}", ["struct A"]),
        // Requirements of protocols, members of extensions.
        (
            "/// Text.\npublic protocol P: Q {\n    associatedtype A\n    /// Text.\n    var x: Int { get set }\n    func f()\n    init()\n}",
            ["protocol P", "associatedtype A: bare", "var x", "func f: bare", "init: bare"]
        ),
        ("protocol P { func f() }", []),
        ("extension A { public func f() {}; func g() {} }", ["func f: bare"]),
        (
            "public extension A where T: B {\n    func f() {}\n    private func g() {}\n    enum C { case a }\n    typealias D = Int\n}",
            ["func f: bare", "enum C: bare", "case a: bare", "typealias D: bare"]
        ),
        // Strings with quotes and brackets in them.
        ("let a = \"} \\(b(\"{\")) {\"; public let c = #\"\"{\\\"#", ["let c: bare"]),
        ("let a = \"\"\"\n    } \" {\n    \"\"\"\npublic let c = 1", ["let c: bare"]),
        ("struct A { /* } /* } */ */ public let c = 1 }", ["let c: bare"]),
    ])
    func declarationsAreFound(source: String, expected: [String]) {
        let found = SwiftFile(source).publicDeclarations.map { $0.isDocumented ? $0.name : $0.name + ": bare" }
        #expect(found == expected)
    }

    @Test func aDeclarationIsFoundOnItsLine() {
        let source = "let a = \"\"\"\n    text\n    \"\"\"\n/* two\n   lines */\n@available(\n    *, deprecated)\npublic\n    func f() {}"
        #expect(SwiftFile(source).publicDeclarations.map(\.line) == [9])
    }
}
