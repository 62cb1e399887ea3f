/// What a Swift file imports and what it declares public, read from its text.
struct SwiftFile {
    /// A declaration that other packages see: a type, a member, a requirement of a protocol, a case.
    struct Declaration {
        /// For example `func encode`.
        let name: String
        /// From 1.
        let line: Int
        /// A `///` line stands before it and before its attributes.
        let isDocumented: Bool
    }

    /// Modules, in the order of the text.
    private(set) var imports: [String] = []
    private(set) var publicDeclarations: [Declaration] = []

    private let tokens: [SwiftToken]
    private var index = 0

    init(_ source: String) {
        tokens = SwiftToken.all(in: source)
        while index < tokens.count { readMembers(of: Scope()) }
    }

    /// What the braces around a declaration make of it.
    private struct Scope {
        /// Members without a modifier are public: those of a public protocol or a `public extension`.
        var membersArePublic = false
        /// Cases are public: those of a public enum.
        var casesArePublic = false
    }

    /// What has been read of a declaration before its keyword.
    private struct Prefix {
        var isDocumented = false
        /// What a modifier says of its access, if one does.
        var isPublic: Bool?
        /// An attribute or a modifier has been read.
        var hasBegun = false
    }

    private static let access = ["public": true, "open": true, "package": false, "internal": false, "fileprivate": false, "private": false]
    private static let modifiers: Set = [
        "static", "final", "lazy", "weak", "unowned", "mutating", "nonmutating", "consuming", "borrowing", "nonisolated", "isolated", "override",
        "required", "convenience", "indirect", "dynamic", "optional", "prefix", "postfix", "infix", "distributed", "sending",
    ]
    private static let types: Set = ["struct", "class", "enum", "actor", "protocol", "extension"]
    private static let members: Set = ["func", "var", "let", "init", "subscript", "typealias", "associatedtype", "macro"]

    private var token: SwiftToken? { index < tokens.count ? tokens[index] : nil }

    private func nextIs(_ text: String) -> Bool { index + 1 < tokens.count && tokens[index + 1].is(text) }

    // MARK: Declarations

    /// Reads up to the brace that closes the scope, and past it.
    private mutating func readMembers(of scope: Scope) {
        var prefix = Prefix()
        while let token {
            if token.kind == .documentation {
                if !prefix.hasBegun { prefix.isDocumented = true }
                index += 1
            } else if token.is("}") {
                index += 1
                return
            } else if token.is("@") {
                prefix.hasBegun = true
                skipAttribute()
            } else if token.is("#"), token.startsLine {
                prefix = Prefix()
                skipLine()
            } else if ["(", "[", "{"].contains(where: token.is) {
                prefix = Prefix()
                skipBrackets()
            } else if token.kind == .word, canBegin(token, prefix) {
                read(word: token.text, &prefix, scope)
            } else {
                prefix = Prefix()
                index += 1
            }
        }
    }

    /// A word of a type or a value is not a keyword, though it may be spelled like one: `.init(…)`.
    private func canBegin(_ token: SwiftToken, _ prefix: Prefix) -> Bool {
        prefix.hasBegun || token.startsLine || index == 0 || ["{", "}", ";"].contains(where: tokens[index - 1].is)
    }

    private mutating func read(word: String, _ prefix: inout Prefix, _ scope: Scope) {
        if let isPublic = Self.access[word] {
            if !nextIs("(") { prefix.isPublic = isPublic }
            skipModifier(&prefix)
        } else if Self.modifiers.contains(word) || word == "class" && (nextIs("func") || nextIs("var") || nextIs("subscript")) {
            skipModifier(&prefix)
        } else if word == "import" {
            readImport()
            prefix = Prefix()
        } else if Self.types.contains(word) {
            readType(word, prefix, scope)
            prefix = Prefix()
        } else if Self.members.contains(word) || word == "case" {
            if prefix.isPublic ?? (word == "case" ? scope.casesArePublic : scope.membersArePublic) { note(word, prefix) }
            index += 1
            // Its name may be spelled like a keyword's start, as `subscript` is; `init` and `subscript` have none.
            if !["init", "subscript"].contains(word), let token, token.kind == .word { index += 1 }
            prefix = Prefix()
        } else {
            prefix = Prefix()
            index += 1
        }
    }

    private mutating func readType(_ word: String, _ prefix: Prefix, _ scope: Scope) {
        let isPublic = prefix.isPublic ?? scope.membersArePublic
        if isPublic, word != "extension" { note(word, prefix) }
        while let token, !token.is("{") {
            if ["(", "["].contains(where: token.is) { skipBrackets() } else { index += 1 }
        }
        index += 1
        let opensMembers = isPublic && (word == "protocol" || word == "extension")
        readMembers(of: Scope(membersArePublic: opensMembers, casesArePublic: isPublic && word == "enum"))
    }

    private mutating func readImport() {
        let line = tokens[index].line
        index += 1
        let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        if let token, kinds.contains(token.text) { index += 1 }
        guard let module = token, module.line == line else { return }
        imports.append(module.text)
        index += 1
        while let token, token.is(".") { index += 2 }
    }

    private mutating func note(_ word: String, _ prefix: Prefix) {
        var name = ""
        if !["init", "subscript"].contains(word) {
            let rest = tokens[(index + 1)...]
            name = rest.first?.kind == .word ? " " + rest.first!.text : " " + rest.prefix { !$0.is("(") }.map(\.text).joined()
        }
        publicDeclarations.append(Declaration(name: word + name, line: tokens[index].line, isDocumented: prefix.isDocumented))
    }

    // MARK: What is passed over

    private mutating func skipModifier(_ prefix: inout Prefix) {
        prefix.hasBegun = true
        index += 1
        if let token, token.is("(") { skipBrackets() }
    }

    private mutating func skipAttribute() {
        index += 2
        while let token, token.is(".") { index += 2 }
        if let token, token.is("(") { skipBrackets() }
    }

    private mutating func skipLine() {
        let line = tokens[index].line
        while let token, token.line == line { index += 1 }
    }

    /// From an opening bracket to past the one that closes it.
    private mutating func skipBrackets() {
        var depth = 0
        repeat {
            if ["(", "[", "{"].contains(where: tokens[index].is) { depth += 1 }
            if [")", "]", "}"].contains(where: tokens[index].is) { depth -= 1 }
            index += 1
        } while depth > 0 && index < tokens.count
    }
}
