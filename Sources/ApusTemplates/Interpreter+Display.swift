import ApusBase

extension Interpreter {
    /// Python's `str`, which is what `{{ }}` writes.
    func display(_ value: Value) throws(InputError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .markup(let text): return text
        default:
            var text = ""
            try appendRepresentation(of: value, to: &text)
            return text
        }
    }

    /// Python's `repr`.
    func representation(_ value: Value) throws(InputError) -> String {
        var text = ""
        try appendRepresentation(of: value, to: &text)
        return text
    }

    private func appendRepresentation(of value: Value, to text: inout String) throws(InputError) {
        try spendStep()
        let before = text.utf8.count
        switch value {
        case .undefined: text += "Undefined"
        case .none: text += "None"
        case .bool(let value): text += value ? "True" : "False"
        case .int(let value): text += String(value)
        case .double(let value): text += PythonText.description(value)
        case .string(let value):
            try charge(bytes: value.utf8.count)
            text += PythonText.quoted(value)
        case .markup(let value):
            try charge(bytes: value.utf8.count)
            text += "Markup(\(PythonText.quoted(value)))"
        case .sequence(let sequence): try appendSequence(sequence, to: &text)
        case .dictionary(let dictionary): try appendDictionary(dictionary.keys, dictionary.values, to: &text)
        case .namespace(let namespace):
            text += "<Namespace "
            try enter()
            defer { leave() }
            try appendDictionary(namespace.names.map { .string($0) }, namespace.names.compactMap { namespace[$0] }, to: &text)
            text += ">"
        case .macro(let macro): text += "<Macro \(PythonText.quoted(macro.definition.definition.name))>"
        case .loop(let loop): text += "<LoopContext \(loop.index + 1)/\(loop.elements.count)>"
        case .generator, .function, .method: throw failure("a \(value.typeName) cannot be written out; use the filter 'list' or call it")
        }
        try charge(string: max(0, text.utf8.count - before))
        guard text.utf8.count <= limits.outputBytes else {
            throw failure("a string is longer than the limit of \(limits.outputBytes) bytes")
        }
    }

    private func appendSequence(_ sequence: SequenceValue, to text: inout String) throws(InputError) {
        let elements = sequence.elements
        if sequence.kind == .range {
            let first = elements.first?.integer ?? 0
            let step = elements.count > 1 ? (elements[1].integer ?? 1) - first : 1
            guard step == 1 else { throw failure("a range with a step cannot be written out; use the filter 'list'") }
            text += "range(\(first), \(first + elements.count))"
            return
        }
        let isView = sequence.kind != .list && sequence.kind != .tuple
        if isView { text += sequence.kind.rawValue + "(" }
        text += sequence.kind == .tuple ? "(" : "["
        for (index, element) in elements.enumerated() {
            if index > 0 { text += ", " }
            try appendRepresentation(of: element, to: &text)
        }
        if sequence.kind == .tuple { text += elements.count == 1 ? ",)" : ")" } else { text += "]" }
        if isView { text += ")" }
    }

    private func appendDictionary(_ keys: [Value], _ values: [Value], to text: inout String) throws(InputError) {
        text += "{"
        for (index, key) in keys.enumerated() {
            if index > 0 { text += ", " }
            try appendRepresentation(of: key, to: &text)
            text += ": "
            try appendRepresentation(of: values[index], to: &text)
        }
        text += "}"
    }
}
