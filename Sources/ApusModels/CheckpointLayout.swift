import ApusDescription

/// The names and arrangement that a family's checkpoints give to the parameters of a description.
struct CheckpointLayout: Sendable {
    /// How the rows of a canonical parameter lie in their tensor.
    enum Packing: Sendable, Equatable {
        case alone
        /// The parameters of these modules follow one another.
        case stacked([String])
        /// For each key/value head its query heads, the key and the value: `[K][H / K queries, key, value]`.
        case groups
    }

    /// A module: its canonical name, and its name in the file. `#` stands for the layer's number.
    struct Row: Sendable {
        let module: String
        let file: String
        var packing = Packing.alone
        /// A weight lies as `[inputs, outputs]`.
        var isTransposed = false
        /// The rows of heads lie interleaved, where ours are half-split.
        var isInterleaved = false
        /// What the file's numbers are greater by.
        var offset: Float = 0

        init(
            _ module: String, _ file: String, _ packing: Packing = .alone, isTransposed: Bool = false, isInterleaved: Bool = false,
            offset: Float = 0
        ) {
            self.module = module
            self.file = file
            self.packing = packing
            self.isTransposed = isTransposed
            self.isInterleaved = isInterleaved
            self.offset = offset
        }
    }

    static let queryKeyValue = ["attention.query", "attention.key", "attention.value"]
    static let gateUp = ["feedForward.gate", "feedForward.up"]

    /// Modules outside the layers, then those of a layer.
    let outer: [Row]
    let inner: [Row]
    /// What files of the bare model, without its head, leave out at the start of names.
    var optionalPrefix = ""
    /// Tensors that hold nothing to be read, by how their names end.
    var ignored: [String] = []
    /// Tensors that nothing here is computed with and that conversion hands on as they are, by how their names start.
    var carried: [String] = []
    /// The same of heads, which users are told of.
    var otherHeads: [String] = []
    /// Tensors that files may hold besides, and whose numbers must be those of the embedding.
    var copies: [String] = []
    /// How older files end names, by how those end now.
    var olderEndings: [(now: String, before: String)] = []

    /// Whether conversion hands a tensor on as it is.
    func carries(_ name: String) -> Bool {
        let bare = name.hasPrefix(optionalPrefix) ? name.dropFirst(optionalPrefix.count) : name[...]
        return carried.contains(where: bare.hasPrefix) || isOfOtherHead(name)
    }

    /// Whether a tensor is of a head that nothing here is computed with.
    func isOfOtherHead(_ name: String) -> Bool { otherHeads.contains(where: name.hasPrefix) }

    /// The name that older files give to a tensor, if they have another.
    func olderName(of name: String) -> String? {
        olderEndings.first { name.hasSuffix($0.now) }.map { name.dropLast($0.now.count) + $0.before }
    }

    /// Where each parameter of the description lies, under its canonical name.
    func places(of description: DecoderDescription) -> [String: ParameterPlace] {
        let parameters = description.parameters
        let shapes = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.shape) })
        let rows = Dictionary(uniqueKeysWithValues: (outer + inner).map { ($0.module, $0) })
        var places: [String: ParameterPlace] = [:]
        for parameter in parameters {
            let (side, module, layer, suffix) = Self.parts(of: parameter.name)
            guard let row = rows[module] else { preconditionFailure("the layout of \(description.architecture) has no row for \(module)") }
            let attention = layer.map { (side.isEmpty ? description.layers : description.encoder!.layers)[$0].attention }
            let prefix = layer.map { "\(side)layers.\($0)." } ?? ""
            places[parameter.name] = ParameterPlace(
                tensor: row.file.replacing("#", with: layer.map(String.init) ?? "") + suffix,
                rows: rowMap(row, count: parameter.shape[0], attention) { shapes[prefix + $0 + suffix]?[0] ?? 0 },
                isTransposed: row.isTransposed && parameter.shape.count == 2, offset: suffix == ".weight" ? row.offset : 0)
        }
        return places
    }

    /// A parameter of the description that has no row.
    func lacks(of description: DecoderDescription) -> String? {
        let modules = Set((outer + inner).map(\.module))
        return description.parameters.first { !modules.contains(Self.parts(of: $0.name).module) }?.name
    }

    /// Of a canonical name: `encoder.` or nothing, the module as rows have it, the layer's number, and `.weight` or `.bias`.
    private static func parts(of name: String) -> (side: String, module: String, layer: Int?, suffix: String) {
        let dot = name.lastIndex(of: ".")!
        // Modules of an encoder's layers have rows of their own.
        let side = name.hasPrefix("encoder.") ? "encoder." : "", whole = name[..<dot].dropFirst(side.count)
        let parts = whole.split(separator: ".", maxSplits: 2), layer = parts[0] == "layers" ? Int(parts[1])! : nil
        return (side, side + (layer == nil ? whole : parts[2]), layer, String(name[dot...]))
    }

    private func rowMap(_ row: Row, count: Int, _ attention: AttentionDescription?, _ size: (String) -> Int) -> RowMap {
        let order = row.isInterleaved ? RowOrder.toHalfSplit(headSize: attention!.headSize) : .kept
        switch row.packing {
        case .alone: return RowMap(count: count, order: order)
        case .stacked(let modules):
            let before = modules.prefix { $0 != row.module }.reduce(0) { $0 + size($1) }
            return RowMap(count: count, first: before, total: modules.reduce(0) { $0 + size($1) }, order: order)
        case .groups:
            let a = attention!, queries = a.heads / a.kvHeads * a.headSize, stride = queries + 2 * a.headSize
            let starts = ["attention.query": 0, "attention.key": queries, "attention.value": queries + a.headSize]
            return RowMap(
                count: count, first: starts[row.module]!, block: count / a.kvHeads, stride: stride, total: stride * a.kvHeads, order: order)
        }
    }
}

/// Where a canonical parameter lies in a checkpoint.
struct ParameterPlace: Sendable, Equatable {
    let tensor: String
    let rows: RowMap
    let isTransposed: Bool
    let offset: Float

    func renamed(_ tensor: String) -> ParameterPlace {
        ParameterPlace(tensor: tensor, rows: rows, isTransposed: isTransposed, offset: offset)
    }

    /// Where the last rows of the parameter lie.
    func last(_ count: Int) -> ParameterPlace {
        count == rows.count ? self : ParameterPlace(tensor: tensor, rows: rows.dropping(rows.count - count), isTransposed: isTransposed, offset: offset)
    }

    /// The shape of the tensor that holds a parameter of this shape.
    func tensorShape(of shape: [Int]) -> [Int] {
        let whole = [rows.total] + shape.dropFirst()
        return isTransposed ? whole.reversed() : whole
    }
}
