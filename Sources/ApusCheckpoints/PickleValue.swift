import ApusTensor

/// What a pickle's operations put on the stack. Nothing holds another value: tuples and dictionaries are numbers of places in the
/// reader's tables, so that no depth and no cycle can hurt.
enum PickleValue: Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case string(String)
    case global(PickleGlobal)
    /// Elements in the reader's table.
    case tuple(first: Int, count: Int)
    case dictionary(Int)
    case storage(Int)
    case tensor(Int)

    /// The word for it in messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a truth value"
        case .int: "a number"
        case .string: "a string"
        case .global(let global): global.name
        case .tuple: "a tuple"
        case .dictionary: "a dictionary"
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }
}

/// What of Python a state dict needs. Nothing of it is run: each stands for a rule of the reader.
enum PickleGlobal: Equatable {
    case orderedDict
    case rebuildTensor
    case rebuildParameter
    case size
    case storage(DType)

    static let known: [(name: String, global: PickleGlobal)] = [
        ("collections.OrderedDict", .orderedDict), ("torch._utils._rebuild_tensor_v2", .rebuildTensor),
        ("torch._utils._rebuild_parameter", .rebuildParameter), ("torch.Size", .size), ("torch.FloatStorage", .storage(.f32)),
        ("torch.HalfStorage", .storage(.f16)), ("torch.BFloat16Storage", .storage(.bf16)), ("torch.LongStorage", .storage(.i64)),
        ("torch.IntStorage", .storage(.i32)), ("torch.ByteStorage", .storage(.u8)), ("torch.BoolStorage", .storage(.u8)),
    ]

    var name: String { Self.known.first { $0.global == self }!.name }
}

/// The elements that tensors of a pickle share.
struct PickledStorage {
    /// Name of the archive's entry under `data/`.
    let key: String
    let dtype: DType
    let elementCount: Int
}

/// A tensor of a pickle: a view of a storage.
struct PickledTensor {
    let storage: Int
    /// Of its first element, in elements.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
