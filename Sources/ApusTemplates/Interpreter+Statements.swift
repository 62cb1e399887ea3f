import ApusBase

extension Interpreter {
    /// How a list of statements ended.
    enum Flow { case ordinary, breaks, continues }

    func execute(_ statements: [Statement]) throws(InputError) -> Flow {
        try enter()
        defer { leave() }
        for statement in statements {
            let flow = try execute(statement)
            if flow != .ordinary { return flow }
        }
        return .ordinary
    }

    private func execute(_ statement: Statement) throws(InputError) -> Flow {
        try spendStep()
        line = statement.line
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let expression): try write(try display(try evaluate(expression)))
        case .conditional(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test).isTrue { return try execute(branch.body) }
            return try execute(otherwise)
        case .loop(let loop): return try execute(loop)
        case .assign(let target, let expression): try assign(target, try evaluate(expression))
        case .assignBlock(let target, let filter, let body):
            let text = try capture { () throws(InputError) in try inNewScope { () throws(InputError) in try execute(body) } }.text
            try assign(target, try apply(filter, toBlock: text))
        case .filterBlock(let filter, let body):
            let (text, flow) = try capture { () throws(InputError) in try inNewScope { () throws(InputError) in try execute(body) } }
            try write(try display(try apply(filter, toBlock: text)))
            return flow
        case .macro(let definition): scope.variables[definition.name] = makeMacro(definition)
        case .callBlock(let definition, let call): try executeCallBlock(definition, call)
        case .with(let bindings, let body):
            let inner = Scope(parent: scope)
            for binding in bindings {
                let value = try evaluate(binding.value)
                let outer = scope
                scope = inner
                defer { scope = outer }
                try assign(binding.target, value)
            }
            return try within(inner) { () throws(InputError) in try execute(body) }
        case .scope(let body): return try inNewScope { () throws(InputError) in try execute(body) }
        case .breakLoop: return .breaks
        case .continueLoop: return .continues
        }
        return .ordinary
    }

    func within<Result>(_ inner: Scope, _ body: () throws(InputError) -> Result) throws(InputError) -> Result {
        let outer = scope
        scope = inner
        defer { scope = outer }
        return try body()
    }

    private func inNewScope(_ body: () throws(InputError) -> Flow) throws(InputError) -> Flow {
        try within(Scope(parent: scope), body)
    }

    /// What the body writes, in place of the output.
    func capture(_ body: () throws(InputError) -> Flow) throws(InputError) -> (text: String, flow: Flow) {
        let outer = output
        output = ""
        let flow: Flow
        do throws(InputError) {
            flow = try body()
        } catch {
            output = outer
            throw error
        }
        let text = output
        output = outer
        return (text, flow)
    }

    private func apply(_ filter: Expression, toBlock text: String) throws(InputError) -> Value {
        let outer = blockText
        blockText = text
        defer { blockText = outer }
        return try evaluate(filter)
    }

    private func makeMacro(_ definition: MacroDefinition) -> Value {
        capturedScopes.append(scope)
        return .macro(MacroValue(definition: MacroBox(definition), scope: scope))
    }

    private func executeCallBlock(_ definition: MacroDefinition, _ call: Expression) throws(InputError) {
        guard case .call(let callee, let written) = call.kind else { return }
        let function = try evaluate(callee)
        var arguments = try evaluate(written)
        arguments.named.append(("caller", makeMacro(definition)))
        line = call.line
        try write(try display(try self.call(function, arguments)))
    }

    private func execute(_ loop: LoopStatement) throws(InputError) -> Flow {
        let sequence = try evaluate(loop.sequence)
        var elements = try iterate(sequence)
        if let filter = loop.filter {
            var kept: [Value] = []
            for element in elements {
                try spendStep()
                let inner = Scope(parent: scope)
                inner.variables["loop"] = .undefined("'loop' is undefined in a loop's condition")
                let holds = try within(inner) { () throws(InputError) in
                    try assign(loop.target, element)
                    return try evaluate(filter).isTrue
                }
                if holds { kept.append(element) }
            }
            elements = kept
        }
        if elements.isEmpty { return try inNewScope { () throws(InputError) in try execute(loop.otherwise) } }
        let state = LoopState(elements)
        for (index, element) in elements.enumerated() {
            try spendStep()
            state.index = index
            let inner = Scope(parent: scope)
            let flow = try within(inner) { () throws(InputError) in
                try assign(loop.target, element)
                inner.variables["loop"] = .loop(state)
                return try execute(loop.body)
            }
            if flow == .breaks { break }
        }
        return .ordinary
    }

    func assign(_ target: AssignmentTarget, _ value: Value) throws(InputError) {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let namespace, let name):
            guard case .namespace(let object)? = scope.lookup(namespace) else {
                throw failure("'\(namespace)' is not a namespace, so its attribute '\(name)' cannot be set")
            }
            guard !name.hasPrefix("_") else { throw failure("a namespace's attribute must not begin with '_'") }
            object[name] = value
        case .tuple(let targets):
            let elements = try iterate(value)
            guard elements.count == targets.count else {
                throw failure("\(elements.count) values cannot be assigned to \(targets.count) names")
            }
            for (target, element) in zip(targets, elements) { try assign(target, element) }
        }
    }

    /// The elements that a loop over the value sees.
    func iterate(_ value: Value) throws(InputError) -> [Value] {
        switch value {
        case .undefined: return []
        case .sequence(let sequence):
            try charge(elements: sequence.elements.count)
            return sequence.elements
        case .generator(let generator):
            let rest = Array(generator.rest)
            generator.rest = []
            try charge(elements: rest.count)
            return rest
        case .dictionary(let dictionary):
            try charge(elements: dictionary.keys.count)
            return dictionary.keys
        case .string(let text), .markup(let text):
            try charge(elements: text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        default: throw failure("a value of type \(value.typeName) cannot be iterated")
        }
    }
}
