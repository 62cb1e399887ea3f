import ApusBase

/// The methods of dictionaries; those that would change one are refused when they are used.
enum DictionaryMethod: String {
    case clear, copy, get, items, keys, pop, popitem, setdefault, update, values
}

/// The methods of lists and tuples; those that would change one are refused when they are used.
enum SequenceMethod: String {
    case append, clear, copy, count, extend, index, insert, pop, remove, reverse, sort
}

extension Interpreter {
    func call(_ method: String, on dictionary: DictionaryValue, _ arguments: CallArguments) throws(InputError) -> Value {
        if method == "get" {
            let values = try bind(arguments, to: ["key", "default"], required: 1, of: method)
            if values[0]!.isUndefined { return values[1] ?? .none }
            return dictionary[try key(values[0]!)] ?? values[1] ?? .none
        }
        _ = try bind(arguments, to: [], of: method)
        switch method {
        case "items": return try makeSequence(.items, try pairs(of: dictionary))
        case "keys": return try makeSequence(.keys, dictionary.keys)
        case "values": return try makeSequence(.values, dictionary.values)
        default: return .dictionary(dictionary)
        }
    }

    func pairs(of dictionary: DictionaryValue) throws(InputError) -> [Value] {
        var pairs: [Value] = []
        for (key, value) in zip(dictionary.keys, dictionary.values) { pairs.append(try makeTuple([key, value])) }
        return pairs
    }

    func call(_ method: String, on sequence: SequenceValue, _ arguments: CallArguments) throws(InputError) -> Value {
        if method == "copy" {
            _ = try bind(arguments, to: [], of: method)
            return .sequence(sequence)
        }
        let wanted = try bind(arguments, to: ["value"], required: 1, of: method)[0]!
        var count = 0
        for (index, element) in sequence.elements.enumerated() where try areEqual(element, wanted) {
            if method == "index" { return .int(index) }
            count += 1
        }
        guard method == "count" else { throw failure("'index' does not find the value in the \(sequence.kind.rawValue)") }
        return .int(count)
    }

    /// Sorted stably by `key`; `reverse` keeps the order of equal ones too.
    func sorted<Element>(
        _ elements: [Element], reverse: Bool = false, key: (Element) throws(InputError) -> Value
    ) throws(InputError) -> [Element] {
        var keys: [Value] = []
        for element in elements { keys.append(try key(element)) }
        var problem: InputError?
        func precedes(_ one: Int, _ other: Int) -> Bool {
            guard problem == nil else { return false }
            do throws(InputError) {
                if try isLess(keys[one], keys[other]) { return !reverse }
                if try isLess(keys[other], keys[one]) { return reverse }
            } catch { problem = error }
            return one < other
        }
        let order = Array(elements.indices).sorted(by: precedes)
        if let problem { throw problem }
        return order.map { elements[$0] }
    }
}
