/// A piece of a template's source: literal text, or a word inside a tag.
struct Token: Sendable {
    enum Kind: Sendable, Equatable {
        case text(String)
        case blockBegin, blockEnd, variableBegin, variableEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        case sign(String)
        case end
    }

    var kind: Kind
    var line: Int

    /// The token as a message quotes it.
    var description: String {
        switch kind {
        case .text: "text"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer(let value): "'\(value)'"
        case .float(let value): "'\(value)'"
        case .sign(let sign): "'\(sign)'"
        case .end: "the end of the template"
        }
    }
}
