import ApusBase

/// The filters of Jinja that this interpreter has.
enum Filter: String {
    case abs, attr, batch, capitalize, center, `default`, dictsort, escape, first, float, forceescape, format, groupby, indent, int, items
    case join, last, length, list, lower, map, max, min, reject, rejectattr, replace, reverse, round, safe, select, selectattr, slice
    case sort, string, sum, title, tojson, trim, truncate, unique, upper, wordcount

    static func named(_ name: String) -> Filter? {
        switch name {
        case "d": .default
        case "e": .escape
        case "count": .length
        default: Filter(rawValue: name)
        }
    }
}

extension Interpreter {
    func applyFilter(_ name: String, to value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        guard let filter = Filter.named(name) else { throw failure("the filter '\(name)' is unknown") }
        try spendStep()
        switch filter {
        case .abs, .float, .int, .round: return try applyNumberFilter(filter, to: value, arguments)
        case .capitalize, .center, .escape, .forceescape, .format, .indent, .lower, .replace, .safe, .string, .title, .trim, .truncate,
            .upper, .wordcount:
            return try applyTextFilter(filter, to: value, arguments)
        case .map, .select, .selectattr, .reject, .rejectattr, .groupby, .sort, .unique, .min, .max, .sum, .dictsort:
            return try applySequenceFilter(filter, to: value, arguments)
        case .tojson: return .string(try json(value, arguments))
        default: return try applyElementFilter(filter, to: value, arguments)
        }
    }

    private func applyElementFilter(_ filter: Filter, to value: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = filter.rawValue
        switch filter {
        case .default:
            let values = try bind(arguments, to: ["default_value", "boolean"], of: name)
            let replaces = value.isUndefined || (values[1]?.isTrue == true && !value.isTrue)
            return replaces ? values[0] ?? .string("") : value
        case .attr:
            let attribute = try text(try bind(arguments, to: ["name"], required: 1, of: name)[0]!, for: name)
            if case .dictionary = value, DictionaryMethod(rawValue: attribute) == nil {
                return .undefined("a dict has no attribute \(PythonText.quoted(String(attribute.prefix(60))))")
            }
            return try self.attribute(attribute, of: value)
        case .batch, .slice: return try chunked(value, arguments, isBatch: filter == .batch)
        case .join:
            let values = try bind(arguments, to: ["d", "attribute"], of: name)
            let separator = try display(values[0] ?? .string(""))
            var parts: [String] = []
            for element in try iterate(value) {
                parts.append(try display(try values[1].map { (path) throws(InputError) in try member(path, of: element) } ?? element))
            }
            return .string(try joined(parts, by: separator))
        default: break
        }
        _ = try bind(arguments, to: [], of: name)
        switch filter {
        case .first:
            if case .generator(let generator) = value { return generator.rest.popFirst() ?? .undefined("the sequence is empty") }
            return try iterate(value).first ?? .undefined("the sequence is empty")
        case .last:
            if case .generator = value { throw failure("'last' does not work on a generator; use the filter 'list' first") }
            return try iterate(value).last ?? .undefined("the sequence is empty")
        case .length: return .int(try length(value))
        case .list: return try makeList(try iterate(value))
        case .reverse: return try reversed(value)
        case .items:
            if value.isUndefined { return try makeGenerator([]) }
            guard case .dictionary(let dictionary) = value else { throw failure("'items' needs a dictionary, not a value of type \(value.typeName)") }
            return try makeGenerator(try pairs(of: dictionary))
        default: throw failure("the filter '\(name)' is unknown")
        }
    }

    private func length(_ value: Value) throws(InputError) -> Int {
        switch value {
        case .undefined: return 0
        case .sequence(let sequence): return sequence.elements.count
        case .dictionary(let dictionary): return dictionary.keys.count
        case .loop(let loop): return loop.elements.count
        case .string(let text), .markup(let text):
            try charge(bytes: text.utf8.count)
            return text.unicodeScalars.count
        default: throw failure("a value of type \(value.typeName) has no length")
        }
    }

    private func reversed(_ value: Value) throws(InputError) -> Value {
        if let text = value.text {
            try charge(bytes: text.utf8.count)
            return .string(PythonText.string(text.unicodeScalars.reversed()))
        }
        return try makeGenerator(try iterate(value).reversed())
    }

    private func chunked(_ value: Value, _ arguments: CallArguments, isBatch: Bool) throws(InputError) -> Value {
        let name = isBatch ? "batch" : "slice"
        let values = try bind(arguments, to: [isBatch ? "linecount" : "slices", "fill_with"], required: 1, of: name)
        let count = try integer(values[0]!, for: name)
        guard count > 0 else { throw failure("'\(name)' needs a positive count") }
        let elements = try iterate(value)
        var fill = values[1]
        if case .none? = fill { fill = nil }
        var chunks: [Value] = []
        if isBatch {
            for start in Swift.stride(from: 0, to: elements.count, by: min(count, max(1, elements.count))) {
                var chunk = Array(elements[start..<min(start + min(count, elements.count), elements.count)])
                if let fill, chunk.count < count {
                    try charge(elements: count)
                    chunk += Array(repeating: fill, count: count - chunk.count)
                }
                chunks.append(try makeList(chunk))
            }
        } else {
            try charge(elements: count)
            let (size, extra) = elements.count.quotientAndRemainder(dividingBy: count)
            var start = 0
            for index in 0..<count {
                let end = start + size + (index < extra ? 1 : 0)
                let isShort = fill != nil && index >= extra
                chunks.append(try makeList(Array(elements[start..<end]) + (isShort ? [fill!] : [])))
                start = end
            }
        }
        return try makeGenerator(chunks)
    }

    private func json(_ value: Value, _ arguments: CallArguments) throws(InputError) -> String {
        let values = try bind(arguments, to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var writer = JSONText(self)
        writer.escapesNonASCII = values[0]?.isTrue ?? false
        switch values[1] {
        case nil, .none?: break
        case .string(let text)?: writer.indent = text
        case let given?:
            let width = try integer(given, for: "tojson")
            try charge(string: max(0, width))
            writer.indent = String(repeating: " ", count: max(0, width))
        }
        if writer.indent != nil { writer.itemSeparator = "," }
        if let given = values[2] {
            if case .none = given {
            } else {
                let separators = try iterate(given)
                guard separators.count == 2 else { throw failure("'tojson' needs two separators") }
                writer.itemSeparator = try text(separators[0], for: "tojson")
                writer.keySeparator = try text(separators[1], for: "tojson")
            }
        }
        writer.sortsKeys = values[3]?.isTrue ?? false
        try writer.write(value)
        return writer.text
    }
}
