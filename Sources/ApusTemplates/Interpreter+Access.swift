import ApusBase

extension Interpreter {
    /// `value.name`: a method or attribute first, then a dictionary's member, as Jinja looks them up.
    func attribute(_ name: String, of value: Value) throws(InputError) -> Value {
        if let known = try knownAttribute(name, of: value) { return known }
        if case .dictionary(let dictionary) = value, let member = dictionary[try key(.string(name))] { return member }
        return try missing("'\(name)'", in: value)
    }

    /// `value[index]`: a member first, then an attribute.
    func item(_ index: Value, of value: Value) throws(InputError) -> Value {
        switch value {
        case .dictionary(let dictionary):
            if let key = ValueKey(index), let member = dictionary[key] { return member }
        case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple || sequence.kind == .range:
            if let position = index.integer {
                let place = position < 0 ? position + sequence.elements.count : position
                return sequence.elements.indices.contains(place) ? sequence.elements[place] : try missing("\(position)", in: value)
            }
        case .string(let text), .markup(let text):
            if let position = index.integer { return try character(position, of: text, in: value) }
        default: break
        }
        if case .string(let name) = index, let known = try knownAttribute(name, of: value) { return known }
        return try missing(index.text.map { "'\($0)'" } ?? index.integer.map { "\($0)" } ?? index.typeName, in: value)
    }

    private func character(_ position: Int, of text: String, in value: Value) throws(InputError) -> Value {
        try charge(bytes: text.utf8.count)
        let scalars = text.unicodeScalars
        let start = position < 0 ? scalars.endIndex : scalars.startIndex
        let limit = position < 0 ? scalars.startIndex : scalars.endIndex
        guard let index = scalars.index(start, offsetBy: position, limitedBy: limit), index < scalars.endIndex else {
            return try missing("\(position)", in: value)
        }
        return .string(String(scalars[index]))
    }

    private func missing(_ what: String, in value: Value) throws(InputError) -> Value {
        if case .undefined(let reason) = value { throw failure(reason) }
        let shown = what.utf8.count > 80 ? "it" : what
        return .undefined("a value of type \(value.typeName) has no member \(shown)")
    }

    private func knownAttribute(_ name: String, of value: Value) throws(InputError) -> Value? {
        switch value {
        case .undefined(let reason): throw failure(reason)
        case .string, .markup: return StringMethod(rawValue: name) == nil ? nil : .method(MethodValue(value, name))
        case .dictionary: return DictionaryMethod(rawValue: name) == nil ? nil : try method(name, of: value)
        case .sequence(let sequence):
            switch sequence.kind {
            case .list, .tuple: return SequenceMethod(rawValue: name) == nil ? nil : try method(name, of: value)
            default: return nil
            }
        case .namespace(let namespace): return namespace[name]
        case .loop(let loop): return try loopAttribute(name, of: loop, value)
        case .macro(let macro): return name == "name" ? .string(macro.definition.definition.name) : nil
        default: return nil
        }
    }

    private static let changingMethods: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
    ]

    /// Methods that would change a value are undefined, as in Jinja's immutable sandbox.
    private func method(_ name: String, of value: Value) throws(InputError) -> Value? {
        if Interpreter.changingMethods.contains(name) {
            if case .sequence(let sequence) = value, sequence.kind == .tuple { return nil }
            return .undefined("'\(name)' would change a \(value.typeName), which a template must not; make a new one or use a namespace")
        }
        return .method(MethodValue(value, name))
    }

    private func loopAttribute(_ name: String, of loop: LoopState, _ value: Value) throws(InputError) -> Value? {
        let count = loop.elements.count
        switch name {
        case "index": return .int(loop.index + 1)
        case "index0": return .int(loop.index)
        case "revindex": return .int(count - loop.index)
        case "revindex0": return .int(count - loop.index - 1)
        case "first": return .bool(loop.index == 0)
        case "last": return .bool(loop.index == count - 1)
        case "length": return .int(count)
        case "depth": return .int(1)
        case "depth0": return .int(0)
        case "previtem": return loop.index == 0 ? .undefined("there is no previous item") : loop.elements[loop.index - 1]
        case "nextitem": return loop.index == count - 1 ? .undefined("there is no next item") : loop.elements[loop.index + 1]
        case "cycle": return .method(MethodValue(value, name))
        case "changed": throw failure("'loop.changed' is not supported; compare with 'loop.previtem'")
        default: return nil
        }
    }

    /// `value[start:stop:step]` for strings, lists and tuples; anything else gives undefined.
    func slice(_ value: Value, start: Int?, stop: Int?, step: Int) throws(InputError) -> Value {
        switch value {
        case .string(let text), .markup(let text):
            try charge(elements: text.utf8.count / 4)
            let scalars = Array(text.unicodeScalars)
            let result = PythonText.string(try sliced(scalars, start: start, stop: stop, step: step))
            if case .markup = value { return .markup(result) }
            return .string(result)
        case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple:
            try charge(elements: sequence.elements.count)
            return try makeSequence(sequence.kind, try sliced(sequence.elements, start: start, stop: stop, step: step))
        case .sequence(let sequence) where sequence.kind == .range:
            throw failure("a slice of a range is not supported; use the filter 'list' first")
        default: return try missing("a slice", in: value)
        }
    }

    private func sliced<Element>(_ elements: [Element], start: Int?, stop: Int?, step: Int) throws(InputError) -> [Element] {
        guard step != 0 else { throw failure("a slice's step must not be zero") }
        let count = elements.count
        func clamped(_ index: Int, _ low: Int, _ high: Int) -> Int {
            let place = index < 0 ? (index < -count ? -1 : index + count) : index
            return min(max(place, low), high)
        }
        if step > 0 {
            let first = start.map { clamped($0, 0, count) } ?? 0
            let end = stop.map { clamped($0, 0, count) } ?? count
            guard first < end else { return [] }
            return Swift.stride(from: first, to: end, by: min(step, count + 1)).map { elements[$0] }
        }
        let first = start.map { clamped($0, -1, count - 1) } ?? count - 1
        let end = stop.map { clamped($0, -1, count - 1) } ?? -1
        guard first > end else { return [] }
        return Swift.stride(from: first, to: end, by: max(step, -count - 1)).map { elements[$0] }
    }
}
