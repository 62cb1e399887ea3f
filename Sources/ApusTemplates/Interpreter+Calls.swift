import ApusBase

extension Interpreter {
    func call(_ function: Value, _ arguments: CallArguments) throws(InputError) -> Value {
        switch function {
        case .macro(let macro): return .string(try call(macro, arguments))
        case .function(let builtin): return try call(builtin, arguments)
        case .method(let method): return try call(method, arguments)
        case .undefined(let reason): throw failure(reason)
        default: throw failure("a value of type \(function.typeName) cannot be called")
        }
    }

    private func call(_ macro: MacroValue, _ arguments: CallArguments) throws(InputError) -> String {
        let definition = macro.definition.definition
        guard macroDepth < limits.macroDepth else { throw failure("macros call each other more than \(limits.macroDepth) levels deep") }
        macroDepth += 1
        defer { macroDepth -= 1 }
        let inner = Scope(parent: macro.scope)
        var named = arguments.named
        var caller: Value?
        if let place = named.firstIndex(where: { $0.name == "caller" }), !definition.parameters.contains(where: { $0.name == "caller" }) {
            guard definition.takesCaller else { throw failure("the macro '\(definition.name)' takes no 'caller'") }
            caller = named.remove(at: place).value
        }
        if definition.takesCaller, !definition.parameters.contains(where: { $0.name == "caller" }) {
            inner.variables["caller"] = caller ?? .undefined("no caller defined")
        }
        var missing: [(name: String, fallback: Expression?)] = []
        for (index, parameter) in definition.parameters.enumerated() {
            let place = named.firstIndex { $0.name == parameter.name }
            if index < arguments.positional.count {
                guard place == nil else { throw failure("the macro '\(definition.name)' got '\(parameter.name)' twice") }
                inner.variables[parameter.name] = arguments.positional[index]
            } else if let place {
                inner.variables[parameter.name] = named.remove(at: place).value
            } else {
                missing.append(parameter)
                inner.variables[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
            }
        }
        try bindExtras(definition, arguments.positional.dropFirst(definition.parameters.count), named, in: inner)
        return try within(inner) { () throws(InputError) in
            for parameter in missing {
                if let fallback = parameter.fallback { inner.variables[parameter.name] = try evaluate(fallback) }
            }
            return try capture { () throws(InputError) in try execute(definition.body) }.text
        }
    }

    private func bindExtras(
        _ definition: MacroDefinition, _ positional: ArraySlice<Value>, _ named: [(name: String, value: Value)], in scope: Scope
    ) throws(InputError) {
        if definition.takesExtraNamed {
            scope.variables["kwargs"] = .dictionary(try makeDictionary(named.map { (key: .string($0.name), value: $0.value) }))
        } else if let extra = named.first {
            throw failure("the macro '\(definition.name)' takes no argument '\(extra.name)'")
        }
        if definition.takesExtraPositional {
            scope.variables["varargs"] = try makeTuple(Array(positional))
        } else if !positional.isEmpty {
            throw failure("the macro '\(definition.name)' takes at most \(definition.parameters.count) arguments")
        }
    }

    private func call(_ builtin: BuiltinFunction, _ arguments: CallArguments) throws(InputError) -> Value {
        let name = builtin.rawValue
        switch builtin {
        case .raiseException:
            let message = try display(try bind(arguments, to: ["message"], required: 1, of: name)[0]!)
            throw failure("the template refuses this conversation: \(message)")
        case .strftimeNow:
            let format = try text(try bind(arguments, to: ["format"], required: 1, of: name)[0]!, for: name)
            try charge(bytes: format.utf8.count + 4096)
            guard let result = now.formatted(format) else { throw failure("the time format \(PythonText.quoted(format)) is not supported") }
            return .string(result)
        case .dict: return .dictionary(try makeDictionary(try members(arguments, of: name)))
        case .namespace:
            let namespace = NamespaceValue()
            for (key, value) in try members(arguments, of: name) {
                guard let attribute = key.text else { throw failure("a namespace's attributes are named by strings") }
                guard !attribute.hasPrefix("_") else { throw failure("a namespace's attribute must not begin with '_'") }
                namespace[attribute] = value
            }
            namespaces.append(namespace)
            return .namespace(namespace)
        case .range: return try makeRange(arguments)
        }
    }

    /// The members that `dict(…)` takes: those of a dictionary or of pairs, then the named ones.
    private func members(_ arguments: CallArguments, of function: String) throws(InputError) -> [(key: Value, value: Value)] {
        guard arguments.positional.count <= 1 else { throw failure("'\(function)' takes at most one positional argument") }
        var members: [(key: Value, value: Value)] = []
        if let source = arguments.positional.first {
            if case .dictionary(let dictionary) = source {
                members = zip(dictionary.keys, dictionary.values).map { (key: $0, value: $1) }
            } else {
                if case .undefined(let reason) = source { throw failure(reason) }
                for pair in try iterate(source) {
                    let parts = try iterate(pair)
                    guard parts.count == 2 else { throw failure("'\(function)' needs pairs of a key and a value") }
                    members.append((parts[0], parts[1]))
                }
            }
        }
        return members + arguments.named.map { (key: .string($0.name), value: $0.value) }
    }

    private func makeRange(_ arguments: CallArguments) throws(InputError) -> Value {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else { throw failure("'range' takes one to three integers") }
        var numbers: [Int] = []
        for value in arguments.positional { numbers.append(try integer(value, for: "range")) }
        let start = numbers.count > 1 ? numbers[0] : 0
        let stop = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw failure("a range's step must not be zero") }
        let (span, overflow) = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        let count = overflow ? UInt.max : span <= 0 ? 0 : (UInt(span) - 1) / step.magnitude + 1
        guard count <= UInt(max(0, limits.rangeCount)) else { throw failure("a range has more than \(limits.rangeCount) elements") }
        try charge(elements: Int(count))
        return try makeSequence(.range, (0..<Int(count)).map { .int(start &+ $0 &* step) })
    }

    /// The arguments by the parameters' names; those beyond `required` may be nil.
    func bind(_ arguments: CallArguments, to names: [String], required: Int = 0, of function: String) throws(InputError) -> [Value?] {
        guard arguments.positional.count <= names.count else {
            throw failure("'\(function)' takes at most \(names.count) arguments, not \(arguments.positional.count)")
        }
        var values: [Value?] = arguments.positional
        values += Array(repeating: nil, count: names.count - arguments.positional.count)
        for (name, value) in arguments.named {
            guard let place = names.firstIndex(of: name) else { throw failure("'\(function)' takes no argument '\(name)'") }
            guard values[place] == nil else { throw failure("'\(function)' got the argument '\(name)' twice") }
            values[place] = value
        }
        for index in 0..<required where values[index] == nil { throw failure("'\(function)' needs the argument '\(names[index])'") }
        return values
    }

    func integer(_ value: Value, for function: String) throws(InputError) -> Int {
        if case .undefined(let reason) = value { throw failure(reason) }
        guard let whole = value.integer else { throw failure("'\(function)' needs an integer, not a value of type \(value.typeName)") }
        return whole
    }

    func text(_ value: Value, for function: String) throws(InputError) -> String {
        if case .undefined(let reason) = value { throw failure(reason) }
        guard let text = value.text else { throw failure("'\(function)' needs a string, not a value of type \(value.typeName)") }
        return text
    }
}
