import ApusBase

extension Interpreter {
    func applySequenceFilter(_ filter: Filter, to value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = filter.rawValue
        switch filter {
        case .map, .select, .selectattr, .reject, .rejectattr:
            // Jinja's own quirk: what is false, also none or 0, counts as empty here.
            let source = value.isTrue ? value : try makeList([])
            return try filter == .map ? mapped(source, arguments) : selected(filter, source, arguments)
        case .dictsort: return try sortedPairs(value, arguments)
        case .sort:
            let values = try bind(arguments, to: ["reverse", "case_sensitive", "attribute"], of: name)
            let sorts = try keyFunction(values[2], caseSensitive: values[1], splitsAtComma: true)
            return try makeList(try sorted(try iterate(value), reverse: values[0]?.isTrue ?? false, key: sorts))
        case .min, .max:
            let values = try bind(arguments, to: ["case_sensitive", "attribute"], of: name)
            let key = try keyFunction(values[1], caseSensitive: values[0])
            let order = try sorted(try iterate(value), reverse: filter == .max, key: key)
            return order.first ?? .undefined("the sequence is empty")
        case .unique:
            let values = try bind(arguments, to: ["case_sensitive", "attribute"], of: name)
            let key = try keyFunction(values[1], caseSensitive: values[0])
            var seen: Set<ValueKey> = []
            var kept: [Value] = []
            for element in try iterate(value) where seen.insert(try self.key(try key(element))).inserted { kept.append(element) }
            return try makeGenerator(kept)
        case .sum:
            let values = try bind(arguments, to: ["attribute", "start"], of: name)
            var total = values[1] ?? .int(0)
            for element in try iterate(value) {
                var term = element
                if let path = values[0], !path.isNone { term = try member(path, of: element) }
                total = try arithmetic(.add, total, term)
            }
            return total
        default: return try grouped(value, arguments)
        }
    }

    /// `value.a.b` or `value[0]` by a path such as "a.b.0".
    func member(_ path: Value, of value: Value, fallback: Value? = nil) throws(InputError) -> Value {
        if path.isNone { return value }
        if path.integer != nil { return try item(path, of: value) }
        var current = value
        for part in try text(path, for: "attribute").split(separator: ".", omittingEmptySubsequences: false) {
            try spendStep()
            let index = part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part) : nil
            current = try item(index.map { .int($0) } ?? .string(String(part)), of: current)
            if let fallback, current.isUndefined { current = fallback }
        }
        return current
    }

    /// What elements are compared by: an attribute, without regard to case unless asked.
    private func keyFunction(
        _ path: Value?, caseSensitive: Value?, splitsAtComma: Bool = false
    ) throws(InputError) -> (Value) throws(InputError) -> Value {
        let folds = !(caseSensitive?.isTrue ?? false)
        var paths: [Value] = [path ?? .none]
        if splitsAtComma, let text = path?.text, text.contains(",") {
            paths = text.split(separator: ",", omittingEmptySubsequences: false).map { .string(String($0)) }
        }
        return { (element) throws(InputError) in
            var keys: [Value] = []
            for path in paths {
                let value = try self.member(path, of: element)
                keys.append(folds ? try self.folded(value) : value)
            }
            return keys.count == 1 ? keys[0] : try self.makeTuple(keys)
        }
    }

    private func folded(_ value: Value) throws(InputError) -> Value {
        guard let text = value.text else { return value }
        try charge(bytes: text.utf8.count)
        return .string(PythonText.lowercased(text))
    }

    private func mapped(_ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        var results: [Value] = []
        if arguments.positional.isEmpty, arguments.named.contains(where: { $0.name == "attribute" }) {
            let values = try bind(arguments, to: ["attribute", "default"], required: 1, of: "map")
            for element in try iterate(value) { results.append(try member(values[0]!, of: element, fallback: values[1])) }
            return try makeGenerator(results)
        }
        guard let first = arguments.positional.first else { throw failure("'map' needs a filter's name or 'attribute'") }
        let name = try text(first, for: "map")
        let rest = CallArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
        try descend { () throws(InputError) in
            for element in try iterate(value) { results.append(try applyFilter(name, to: element, rest)) }
        }
        return try makeGenerator(results)
    }

    private func selected(_ filter: Filter, _ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let usesAttribute = filter == .selectattr || filter == .rejectattr
        let keeps = filter == .select || filter == .selectattr
        var rest = arguments.positional[...]
        var path: Value?
        if usesAttribute {
            guard let first = rest.popFirst() else { throw failure("'\(filter.rawValue)' needs an attribute's name") }
            path = first
        }
        let test = try rest.popFirst().map { (name) throws(InputError) in try text(name, for: filter.rawValue) }
        let testArguments = CallArguments(positional: Array(rest), named: arguments.named)
        var kept: [Value] = []
        for element in try iterate(value) {
            try spendStep()
            let subject = try path.map { (path) throws(InputError) in try member(path, of: element) } ?? element
            let holds = try test.map { (name) throws(InputError) in try applyTest(name, to: subject, testArguments) } ?? subject.isTrue
            if holds == keeps { kept.append(element) }
        }
        return try makeGenerator(kept)
    }

    private func sortedPairs(_ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let values = try bind(arguments, to: ["case_sensitive", "by", "reverse"], of: "dictsort")
        guard case .dictionary(let dictionary) = value else {
            if case .undefined(let reason) = value { throw failure(reason) }
            throw failure("'dictsort' needs a dictionary, not a value of type \(value.typeName)")
        }
        let order = try text(values[1] ?? .string("key"), for: "dictsort")
        guard order == "key" || order == "value" else { throw failure("'dictsort' sorts by 'key' or 'value'") }
        let folds = !(values[0]?.isTrue ?? false)
        let members = try sorted(Array(zip(dictionary.keys, dictionary.values)), reverse: values[2]?.isTrue ?? false) { (member) throws(InputError) in
            let key = order == "key" ? member.0 : member.1
            return folds ? try self.folded(key) : key
        }
        var pairs: [Value] = []
        for member in members { pairs.append(try makeTuple([member.0, member.1])) }
        return try makeList(pairs)
    }

    private func grouped(_ value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let values = try bind(arguments, to: ["attribute", "default", "case_sensitive"], required: 1, of: "groupby")
        let fold = !(values[2]?.isTrue ?? false)
        let key: (Value) throws(InputError) -> Value = { (element) throws(InputError) in
            let value = try self.member(values[0]!, of: element, fallback: values[1])
            return fold ? try self.folded(value) : value
        }
        var groups: [(key: Value, original: Value, elements: [Value])] = []
        for element in try sorted(try iterate(value), key: key) {
            let itsKey = try key(element)
            if let last = groups.last, try areEqual(last.key, itsKey) {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((itsKey, try member(values[0]!, of: element, fallback: values[1]), [element]))
            }
        }
        var pairs: [Value] = []
        for group in groups { pairs.append(try makeTuple([group.original, try makeList(group.elements)])) }
        return try makeList(pairs)
    }
}

extension Value {
    var isNone: Bool { if case .none = self { true } else { false } }
}
