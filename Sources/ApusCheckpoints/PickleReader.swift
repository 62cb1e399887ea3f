import ApusBase

/// Reads the pickle of a state dict (protocol 2, as `torch.save` writes it) and runs nothing: it knows the operations and globals
/// that one is made of, and refuses all others by name.
struct PickleReader {
    let bytes: [UInt8]
    let path: String
    var position = 0
    /// Of the operation at work.
    private var start = 0
    private var stack: [PickleValue] = []
    /// Sizes of the stack where marks were set.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Of all tuples.
    var elements: [PickleValue] = []
    private var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var storages: [PickledStorage] = []
    private var storageNumbers: [String: Int] = [:]
    var tensors: [PickledTensor] = []

    init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    func error(_ rule: String, remedy: String? = nil) -> InputError { InputError(path, at: "data.pkl byte \(start)", rule, remedy: remedy) }

    /// Runs to the end and returns the pairs of the dictionary that the pickle holds.
    mutating func read() throws(InputError) -> [(key: PickleValue, value: PickleValue)] {
        for _ in 0..<CheckpointLimits.pickleOperations {
            start = position
            let opcode = try take(1)[position - 1]
            guard opcode != UInt8(ascii: ".") else { return try finish() }
            try run(opcode)
        }
        throw error("the pickle has more than \(CheckpointLimits.pickleOperations) operations")
    }

    private mutating func finish() throws(InputError) -> [(key: PickleValue, value: PickleValue)] {
        guard stack.count == 1, marks.isEmpty, position == bytes.count else {
            throw error("STOP must stand at the end of the pickle and leave one value, but \(bytes.count - position) bytes and \(stack.count) values are left")
        }
        guard case .dictionary(let number) = stack[0] else {
            throw error("the file holds \(stack[0].kind), where a dictionary of tensors is needed", remedy: "save the model's state_dict()")
        }
        return dictionaries[number]
    }

    private mutating func run(_ opcode: UInt8) throws(InputError) {
        switch opcode {
        case 0x80: try checkProtocol()
        case UInt8(ascii: "N"): push(.none)
        case 0x88: push(.bool(true))
        case 0x89: push(.bool(false))
        case UInt8(ascii: "K"): push(.int(try number(1)))
        case UInt8(ascii: "M"): push(.int(try number(2)))
        case UInt8(ascii: "J"): push(.int(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8A: push(.int(try longNumber()))
        case UInt8(ascii: "X"): push(.string(try text(number(4))))
        case UInt8(ascii: "c"): push(.global(try global()))
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: ")"): pushTuple(0)
        case 0x85, 0x86, 0x87: try tuple(Int(opcode) - 0x84)
        case UInt8(ascii: "t"): pushTuple(try popMark())
        case UInt8(ascii: "}"): pushDictionary()
        case UInt8(ascii: "s"): try setItems(2)
        case UInt8(ascii: "u"): try setItems(popMark())
        case UInt8(ascii: "q"): try remember(number(1))
        case UInt8(ascii: "r"): try remember(number(4))
        case UInt8(ascii: "h"): try recall(number(1))
        case UInt8(ascii: "j"): try recall(number(4))
        case UInt8(ascii: "Q"): try persistent(pop())
        case UInt8(ascii: "R"): try reduce()
        case UInt8(ascii: "b"): try build()
        default:
            throw error(
                "the operation \(PickleOpcode.name(opcode)) is refused: a state dict that torch.save writes has none",
                remedy: "save the model's state_dict() with torch.save, tensors alone")
        }
    }

    private mutating func checkProtocol() throws(InputError) {
        let version = try number(1)
        guard version == 2 else { throw error("PROTO \(version) is refused: torch.save writes protocol 2", remedy: "save it with torch.save's defaults") }
    }

    // MARK: Bytes

    private mutating func take(_ count: Int) throws(InputError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw error("the pickle ends in the middle of an operation") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func number(_ count: Int) throws(InputError) -> Int { try take(count).reversed().reduce(0) { $0 << 8 | Int($1) } }

    private mutating func longNumber() throws(InputError) -> Int {
        let count = try number(1)
        guard count <= 8 else { throw error("LONG1 has \(count) bytes; 8 are enough for a size") }
        let value = try take(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let shift = UInt64(64 - 8 * count)
        return count == 0 ? 0 : Int(Int64(bitPattern: value << shift) >> Int64(shift))
    }

    private mutating func text(_ count: Int) throws(InputError) -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else { throw error("a string is not valid UTF-8") }
        return text
    }

    private mutating func line() throws(InputError) -> String {
        guard let end = bytes[position...].prefix(256).firstIndex(of: 10) else { throw error("the name of a global has no end") }
        let text = try text(end - position)
        position += 1
        return text
    }

    private mutating func global() throws(InputError) -> PickleGlobal {
        let module = try line(), name = module + "." + (try line())
        guard let known = PickleGlobal.known.first(where: { $0.name == name }) else {
            throw error(
                "the global \(name) is refused; a state dict may ask for \(PickleGlobal.known.map(\.name).joined(separator: ", "))",
                remedy: "save the model's state_dict() with torch.save, tensors of these types alone")
        }
        return known.global
    }

    // MARK: The stack

    private mutating func push(_ value: PickleValue) { stack.append(value) }

    mutating func pop() throws(InputError) -> PickleValue {
        guard stack.count > (marks.last ?? 0) else { throw error("a value is taken from the stack, which has none left") }
        return stack.removeLast()
    }

    /// Takes back the last mark and returns how many values lie above it.
    private mutating func popMark() throws(InputError) -> Int {
        guard let mark = marks.popLast() else { throw error("a mark is taken back, but none is set") }
        return stack.count - mark
    }

    private mutating func tuple(_ count: Int) throws(InputError) {
        guard stack.count - (marks.last ?? 0) >= count else { throw error("a tuple of \(count) is made of fewer values") }
        pushTuple(count)
    }

    private mutating func pushTuple(_ count: Int) {
        let value = PickleValue.tuple(first: elements.count, count: count)
        elements += stack.suffix(count)
        stack.removeLast(count)
        push(value)
    }

    private mutating func pushDictionary() {
        push(.dictionary(dictionaries.count))
        dictionaries.append([])
    }

    private mutating func setItems(_ count: Int) throws(InputError) {
        guard stack.count - count > (marks.last ?? 0), case .dictionary(let number) = stack[stack.count - count - 1], count % 2 == 0 else {
            throw error("pairs are put into what is no dictionary, or a value is missing")
        }
        for pair in stride(from: stack.count - count, to: stack.count, by: 2) { dictionaries[number].append((stack[pair], stack[pair + 1])) }
        stack.removeLast(count)
    }

    private mutating func remember(_ number: Int) throws(InputError) {
        guard stack.count > (marks.last ?? 0) else { throw error("the memo is given a value, but the stack has none") }
        memo[number] = stack[stack.count - 1]
    }

    private mutating func recall(_ number: Int) throws(InputError) {
        guard let value = memo[number] else { throw error("the memo has no value \(number)") }
        push(value)
    }

    // MARK: Calls

    private mutating func persistent(_ value: PickleValue) throws(InputError) {
        let storage = try storage(of: value)
        let number = storageNumbers[storage.key] ?? storages.count
        if number == storages.count {
            storages.append(storage)
            storageNumbers[storage.key] = number
        }
        guard storages[number].dtype == storage.dtype, storages[number].elementCount == storage.elementCount else {
            throw error("storage \(storage.key.prefix(80)) is given two types or sizes")
        }
        push(.storage(number))
    }

    private mutating func reduce() throws(InputError) {
        let arguments = try pop(), callee = try pop()
        guard case .global(let global) = callee, case .tuple(let first, let count) = arguments else {
            throw error("REDUCE calls \(callee.kind) with \(arguments.kind)")
        }
        let list = elements[first..<first + count]
        switch global {
        case .orderedDict where list.isEmpty: pushDictionary()
        case .rebuildTensor: push(.tensor(try addTensor(Array(list))))
        case .rebuildParameter: push(try parameter(Array(list)))
        case .size where list.count == 1: push(list.first!)
        default: throw error("REDUCE calls \(global.name) with \(count) arguments, which a state dict does not")
        }
    }

    /// A dictionary may have attributes, of which none matters here.
    private mutating func build() throws(InputError) {
        let state = try pop()
        guard case .dictionary = state, case .dictionary? = stack.last, stack.count > (marks.last ?? 0) else {
            throw error("BUILD sets the state of what is no dictionary")
        }
    }
}
